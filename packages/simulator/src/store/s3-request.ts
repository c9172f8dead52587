import type { IncomingMessage } from 'node:http'
import { S3Error } from './s3-error.ts'

export type Operation =
  | 'CreateBucket'
  | 'HeadBucket'
  | 'ListObjectsV2'
  | 'ListMultipartUploads'
  | 'DeleteObjects'
  | 'PutObject'
  | 'GetObject'
  | 'HeadObject'
  | 'DeleteObject'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListParts'

export interface S3Request {
  readonly http: IncomingMessage
  readonly method: string
  /** Path and query as they stood on the wire. */
  readonly rawPath: string
  readonly bucket: string
  readonly key: string
  readonly query: ReadonlyMap<string, string>
  readonly operation: Operation
  /** A header, or the query parameter of a presigned URL that stands for it. */
  header(name: string): string | undefined
}

const KNOWN_QUERY =
  /^(x-id|uploads|uploadId|partNumber|list-type|prefix|delimiter|max-keys|continuation-token|start-after|encoding-type|fetch-owner|delete|key-marker|upload-id-marker|max-uploads|max-parts|part-number-marker|response-[a-z-]+|x-amz-[a-z0-9-]+)$/i
const MAX_KEY_BYTES = 1024

/** What a client asks for, or the S3 error that says why it cannot be read. */
export function readS3Request(http: IncomingMessage): S3Request {
  const [rawPath = '/', rawQuery = ''] = (http.url ?? '/').split(/\?(.*)/s)
  const [bucket = '', ...rest] = rawPath.slice(1).split('/').map(decode)
  const key = rest.join('/')
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new S3Error('KeyTooLongError', 'Your key is too long')
  const query = readQuery(rawQuery)
  const method = http.method ?? 'GET'
  const header = (name: string) => {
    const value = http.headers[name]
    if (value !== undefined) return Array.isArray(value) ? value.join(',') : value
    return name.startsWith('x-amz-') ? query.get(name) : undefined
  }
  const operation = operationOf(method, key !== '', query)
  if (header('x-amz-copy-source') !== undefined) throw new S3Error('NotImplemented', 'Copying is not implemented')
  return { http, method, rawPath, bucket, key, query, operation, header }
}

/** Percent-encoding as SigV4 wants it: everything but letters, digits, and `-._~`. */
export function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

function readQuery(raw: string): Map<string, string> {
  const query = new Map<string, string>()
  for (const pair of raw.split('&')) {
    if (pair === '') continue
    const [name = '', value = ''] = pair.split(/=(.*)/s).map(decode)
    if (query.has(name)) throw new S3Error('InvalidArgument', `The parameter ${name} stands twice`)
    if (!KNOWN_QUERY.test(name)) throw new S3Error('NotImplemented', `The parameter ${name} is not implemented`)
    query.set(name, value)
  }
  return query
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new S3Error('InvalidURI', 'Could not parse the specified URI')
  }
}

function operationOf(method: string, hasKey: boolean, query: ReadonlyMap<string, string>): Operation {
  const operation = hasKey ? objectOperation(method, query) : bucketOperation(method, query)
  if (operation === undefined) throw new S3Error('MethodNotAllowed', 'The method is not allowed against this resource')
  return operation
}

function bucketOperation(method: string, query: ReadonlyMap<string, string>): Operation | undefined {
  if (method === 'PUT') return 'CreateBucket'
  if (method === 'HEAD') return 'HeadBucket'
  if (method === 'POST' && query.has('delete')) return 'DeleteObjects'
  if (method === 'GET' && query.has('uploads')) return 'ListMultipartUploads'
  if (method === 'GET' && query.get('list-type') === '2') return 'ListObjectsV2'
  return undefined
}

function objectOperation(method: string, query: ReadonlyMap<string, string>): Operation | undefined {
  const hasUpload = query.has('uploadId')
  if (method === 'PUT') return hasUpload && query.has('partNumber') ? 'UploadPart' : 'PutObject'
  if (method === 'POST' && query.has('uploads')) return 'CreateMultipartUpload'
  if (method === 'POST' && hasUpload) return 'CompleteMultipartUpload'
  if (method === 'DELETE') return hasUpload ? 'AbortMultipartUpload' : 'DeleteObject'
  if (method === 'GET') return hasUpload ? 'ListParts' : 'GetObject'
  if (method === 'HEAD') return 'HeadObject'
  return undefined
}
