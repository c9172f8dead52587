import { validateHeaderValue } from 'node:http'
import { type Answer, type Call, xmlAnswer } from './answer.ts'
import type { ObjectHeaders } from './bucket.ts'
import type { StoredObject } from './object-folder.ts'
import { S3Error } from './s3-error.ts'
import type { S3Request } from './s3-request.ts'
import { document, element, innerText, innerTexts, parent } from './xml.ts'

const KEPT_HEADERS = ['cache-control', 'content-disposition', 'content-language', 'expires']
const MAX_METADATA_BYTES = 2048
const MAX_DELETED_KEYS = 1000

export async function putObject({ request, bucket, payload }: Call): Promise<Answer> {
  const ifAbsent = wantsAbsent(request)
  const headers = objectHeaders(request)
  const { bytes, md5, crc32 } = await payload()
  const object = { ...headers, body: bytes, etag: `"${md5.toString('hex')}"`, crc32, lastModified: new Date() }
  await bucket.put(object, { ifAbsent })
  return { status: 200, headers: { etag: object.etag, ...checksumHeaders(object) } }
}

export async function getObject(call: Call): Promise<Answer> {
  const { request, bucket } = call
  const object = bucket.get(request.key)
  checkConditions(request, object)
  const range = readRange(request.header('range'), object.body.length)
  const body = range === undefined ? object.body : object.body.subarray(range.start, range.end + 1)
  const headers: Answer['headers'] = {
    ...object.headers,
    'content-type': object.contentType,
    'content-length': body.length,
    'accept-ranges': 'bytes',
    etag: object.etag,
    'last-modified': object.lastModified.toUTCString(),
  }
  for (const [name, value] of Object.entries(object.metadata)) headers[`x-amz-meta-${name}`] = value
  for (const [name, value] of request.query) {
    if (name.startsWith('response-')) headers[name.slice('response-'.length)] = headerValue(name, value)
  }
  if (range !== undefined) headers['content-range'] = `bytes ${range.start}-${range.end}/${object.body.length}`
  const wantsChecksum = request.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED'
  if (wantsChecksum && range === undefined) Object.assign(headers, checksumHeaders(object))
  return { status: range === undefined ? 200 : 206, headers, body }
}

export async function deleteObject({ request, bucket }: Call): Promise<Answer> {
  await bucket.delete(request.key)
  return { status: 204, headers: {} }
}

export async function deleteObjects({ request, bucket, payload }: Call): Promise<Answer> {
  if (request.header('content-md5') === undefined && request.header('x-amz-checksum-crc32') === undefined) {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: Content-MD5 or x-amz-checksum-*')
  }
  const xml = (await payload()).bytes.toString('utf8')
  const keys = innerTexts(xml, 'Object').map((entry) => innerText(entry, 'Key'))
  if (keys.length === 0 || keys.length > MAX_DELETED_KEYS) throw new S3Error('MalformedXML', 'Give 1 to 1000 objects')
  const deleted: string[] = []
  for (const key of keys) {
    if (key === undefined || key === '') throw new S3Error('MalformedXML', 'An object has no key')
    await bucket.delete(key)
    deleted.push(parent('Deleted', [element('Key', key)]))
  }
  return xmlAnswer(document('DeleteResult', innerText(xml, 'Quiet') === 'true' ? [] : deleted))
}

export function objectHeaders({ key, http, header }: S3Request): ObjectHeaders {
  const metadata: Record<string, string> = {}
  for (const [name, value] of Object.entries(http.headers)) {
    if (name.startsWith('x-amz-meta-')) metadata[name.slice('x-amz-meta-'.length)] = String(value)
  }
  if (Buffer.byteLength(Object.entries(metadata).flat().join('')) > MAX_METADATA_BYTES) {
    throw new S3Error('InvalidRequest', `Your metadata headers exceed ${MAX_METADATA_BYTES} bytes`)
  }
  const headers: Record<string, string> = {}
  for (const name of KEPT_HEADERS) {
    const value = header(name)
    if (value !== undefined) headers[name] = value
  }
  const codings = (header('content-encoding') ?? '').split(',').map((coding) => coding.trim())
  const kept = codings.filter((coding) => coding !== '' && coding !== 'aws-chunked')
  if (kept.length > 0) headers['content-encoding'] = kept.join(', ')
  return { key, contentType: header('content-type') ?? 'binary/octet-stream', headers, metadata }
}

/** S3 knows one condition on writes that makes sense here: `If-None-Match: *`. */
export function wantsAbsent({ header }: S3Request): boolean {
  const condition = header('if-none-match')
  if (header('if-match') !== undefined || (condition !== undefined && condition !== '*')) {
    throw new S3Error('NotImplemented', 'A write takes no condition but If-None-Match: *')
  }
  return condition === '*'
}

export function checksumHeaders({ crc32 }: StoredObject): Record<string, string> {
  return { 'x-amz-checksum-crc32': crc32, 'x-amz-checksum-type': crc32.includes('-') ? 'COMPOSITE' : 'FULL_OBJECT' }
}

function checkConditions({ header }: S3Request, { etag }: StoredObject): void {
  const lists = (condition: string) => condition.split(',').some((tag) => ['*', etag].includes(tag.trim()))
  const ifMatch = header('if-match')
  if (ifMatch !== undefined && !lists(ifMatch)) {
    throw new S3Error('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
      Condition: 'If-Match',
    })
  }
  const ifNoneMatch = header('if-none-match')
  if (ifNoneMatch !== undefined && lists(ifNoneMatch)) throw new S3Error('NotModified', 'Not Modified')
}

function headerValue(name: string, value: string): string {
  try {
    validateHeaderValue(name, value)
    return value
  } catch {
    throw new S3Error('InvalidArgument', `${name} holds a character that no header may carry`)
  }
}

/** One range of bytes, both ends included; anything S3 does not understand asks for the whole. */
function readRange(header: string | undefined, totalBytes: number): { start: number; end: number } | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === '' && last === '') return undefined
  const start = first === '' ? Math.max(0, totalBytes - Number(last)) : Number(first)
  const end = first === '' || last === '' ? totalBytes - 1 : Math.min(Number(last), totalBytes - 1)
  if (first !== '' && last !== '' && Number(last) < start) return undefined
  if (start > end)
    throw new S3Error('InvalidRange', 'The requested range is not satisfiable', {
      RangeRequested: header ?? '',
      ActualObjectSize: String(totalBytes),
    })
  return { start, end }
}
