import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Answer, type Call, xmlAnswer } from './answer.ts'
import type { UploadedPart } from './bucket.ts'
import { checksumHeaders, objectHeaders, wantsAbsent } from './object-operations.ts'
import { base64Of } from './payload.ts'
import { S3Error } from './s3-error.ts'
import { document, element, innerText, innerTexts, parent } from './xml.ts'

const MIN_PART_BYTES = 5 * 1024 * 1024
const MAX_PARTS = 10_000

export async function createMultipartUpload({ request, bucket }: Call): Promise<Answer> {
  const algorithm = request.header('x-amz-checksum-algorithm')
  if (algorithm !== undefined && algorithm !== 'CRC32') {
    throw new S3Error('NotImplemented', `The checksum algorithm ${algorithm} is not implemented; use CRC32`)
  }
  const { uploadId, key } = bucket.openUpload(objectHeaders(request), algorithm !== undefined)
  const fields = [element('Bucket', bucket.name), element('Key', key), element('UploadId', uploadId)]
  const headers = algorithm === undefined ? {} : { 'x-amz-checksum-algorithm': algorithm }
  return xmlAnswer(document('InitiateMultipartUploadResult', fields), 200, headers)
}

export async function uploadPart({ request, bucket, payload }: Call): Promise<Answer> {
  const uploadId = request.query.get('uploadId') ?? ''
  const number = Number(request.query.get('partNumber'))
  const { wantsChecksums } = bucket.upload(uploadId, request.key)
  if (!Number.isInteger(number) || number < 1 || number > MAX_PARTS) {
    throw new S3Error('InvalidArgument', `Part number must be an integer between 1 and ${MAX_PARTS}`)
  }
  const hasChecksum = [request.header('x-amz-checksum-crc32'), request.header('x-amz-trailer')].some(Boolean)
  if (wantsChecksums && !hasChecksum) {
    throw new S3Error('InvalidRequest', 'The upload was created with CRC32 checksums and this part carries none')
  }
  const part = { ...(await payload()), lastModified: new Date() }
  // Looked up again: the upload may have been aborted while the part was on its way.
  bucket.upload(uploadId, request.key).parts.set(number, part)
  return { status: 200, headers: { etag: etagOf(part), 'x-amz-checksum-crc32': part.crc32 } }
}

export async function completeMultipartUpload({ request, bucket, payload }: Call): Promise<Answer> {
  const ifAbsent = wantsAbsent(request)
  const xml = (await payload()).bytes.toString('utf8')
  const { uploadId, parts, key, contentType, headers, metadata } = bucket.upload(
    request.query.get('uploadId') ?? '',
    request.key,
  )
  const chosen = chooseParts(xml, parts)
  const crcs = Buffer.concat(chosen.map((part) => Buffer.from(part.crc32, 'base64')))
  const md5 = createHash('md5').update(Buffer.concat(chosen.map((part) => part.md5)))
  const object = {
    key,
    contentType,
    headers,
    metadata,
    body: Buffer.concat(chosen.map((part) => part.bytes)),
    etag: `"${md5.digest('hex')}-${chosen.length}"`,
    crc32: `${base64Of(crc32(crcs))}-${chosen.length}`,
    lastModified: new Date(),
  }
  await bucket.put(object, { ifAbsent })
  bucket.uploads.delete(uploadId)
  const fields = { Bucket: bucket.name, Key: key, ETag: object.etag, ChecksumCRC32: object.crc32 }
  const elements = Object.entries(fields).map(([name, text]) => element(name, text))
  return xmlAnswer(document('CompleteMultipartUploadResult', elements), 200, checksumHeaders(object))
}

export async function abortMultipartUpload({ request, bucket }: Call): Promise<Answer> {
  const { uploadId } = bucket.upload(request.query.get('uploadId') ?? '', request.key)
  bucket.uploads.delete(uploadId)
  return { status: 204, headers: {} }
}

export async function listParts({ request, bucket }: Call): Promise<Answer> {
  const { uploadId, key, parts } = bucket.upload(request.query.get('uploadId') ?? '', request.key)
  const rows = [...parts]
    .sort(([a], [b]) => a - b)
    .map(([number, part]) =>
      parent('Part', [
        element('PartNumber', number),
        element('LastModified', part.lastModified.toISOString()),
        element('ETag', etagOf(part)),
        element('Size', part.bytes.length),
        element('ChecksumCRC32', part.crc32),
      ]),
    )
  const head = [element('Bucket', bucket.name), element('Key', key), element('UploadId', uploadId)]
  return xmlAnswer(document('ListPartsResult', [...head, element('IsTruncated', false), ...rows]))
}

export async function listMultipartUploads({ request, bucket }: Call): Promise<Answer> {
  const prefix = request.query.get('prefix') ?? ''
  const rows = [...bucket.uploads.values()]
    .filter(({ key }) => key.startsWith(prefix))
    .map(({ key, uploadId, initiated }) =>
      parent('Upload', [
        element('Key', key),
        element('UploadId', uploadId),
        element('Initiated', initiated.toISOString()),
      ]),
    )
  const head = [element('Bucket', bucket.name), element('Prefix', prefix), element('IsTruncated', false)]
  return xmlAnswer(document('ListMultipartUploadsResult', [...head, ...rows]))
}

function chooseParts(xml: string, uploaded: ReadonlyMap<number, UploadedPart>): UploadedPart[] {
  let previous = 0
  const chosen = innerTexts(xml, 'Part').map((entry) => {
    const number = Number(innerText(entry, 'PartNumber'))
    if (!(number > previous)) throw new S3Error('InvalidPartOrder', 'The list of parts was not in ascending order')
    previous = number
    const part = uploaded.get(number)
    const etag = innerText(entry, 'ETag')?.replaceAll('"', '')
    const crc = innerText(entry, 'ChecksumCRC32')
    if (part === undefined || etag !== part.md5.toString('hex') || (crc !== undefined && crc !== part.crc32)) {
      throw new S3Error('InvalidPart', `Part ${number} could not be found, or its tag or checksum does not match`)
    }
    return part
  })
  if (chosen.length === 0) throw new S3Error('MalformedXML', 'You must specify at least one part')
  const small = chosen.slice(0, -1).find((part) => part.bytes.length < MIN_PART_BYTES)
  if (small !== undefined) {
    throw new S3Error('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', {
      ProposedSize: String(small.bytes.length),
      MinSizeAllowed: String(MIN_PART_BYTES),
    })
  }
  return chosen
}

function etagOf(part: UploadedPart): string {
  return `"${part.md5.toString('hex')}"`
}
