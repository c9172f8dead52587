import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { decodeAwsChunked } from './aws-chunked.ts'
import { S3Error } from './s3-error.ts'
import type { S3Request } from './s3-request.ts'

export interface Payload {
  readonly bytes: Buffer
  readonly md5: Buffer
  /** Base64, as S3 writes it. */
  readonly crc32: string
}

const CHUNKED = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
const CRC32 = 'x-amz-checksum-crc32'

/** Reads the whole body and holds it against everything the client said about it: length, SHA-256, CRC32, MD5. */
export async function readPayload(
  request: S3Request,
  source: AsyncIterable<Buffer>,
  payloadHash: string,
): Promise<Payload> {
  refuseUnknownChecksums(request, payloadHash)
  const chunked = payloadHash === CHUNKED
  const length = request.header(chunked ? 'x-amz-decoded-content-length' : 'content-length')
  if (length === undefined) throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header')

  const trailers = new Map<string, string>()
  const hash = { sha256: createHash('sha256'), md5: createHash('md5') }
  const chunks: Buffer[] = []
  for await (const chunk of chunked ? decodeAwsChunked(source, trailers) : source) {
    hash.sha256.update(chunk)
    hash.md5.update(chunk)
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  const payload = { bytes, md5: hash.md5.digest(), crc32: base64Of(crc32(bytes)) }

  if (bytes.length !== Number(length)) {
    throw new S3Error('IncompleteBody', `The body has ${bytes.length} bytes, not the ${length} that were declared`)
  }
  const sha256 = hash.sha256.digest('hex')
  if (/^[\da-f]{64}$/.test(payloadHash) && payloadHash !== sha256) {
    throw new S3Error('XAmzContentSHA256Mismatch', 'The provided x-amz-content-sha256 does not match the body', {
      ClientComputedContentSHA256: payloadHash,
      S3ComputedContentSHA256: sha256,
    })
  }
  checkDigests(request, trailers, payload)
  return payload
}

export function base64Of(crc: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc)
  return bytes.toString('base64')
}

function refuseUnknownChecksums(request: S3Request, payloadHash: string): void {
  const known = payloadHash === 'UNSIGNED-PAYLOAD' || payloadHash === CHUNKED || /^[\da-f]{64}$/.test(payloadHash)
  if (!known) throw new S3Error('NotImplemented', `The payload hash ${payloadHash} is not implemented`)
  const names = [...Object.keys(request.http.headers), ...request.query.keys()]
  const other = names.find((name) => /^x-amz-checksum-(crc32c|crc64nvme|sha1|sha256|sha512|md5|xxhash)/.test(name))
  if (other !== undefined) throw new S3Error('NotImplemented', `${other} is not implemented; use ${CRC32}`)
}

function checkDigests(request: S3Request, trailers: ReadonlyMap<string, string>, { md5, crc32 }: Payload): void {
  const announced = request.header('x-amz-trailer')
  if (announced !== undefined && !trailers.has(announced.toLowerCase())) {
    throw new S3Error('MalformedTrailerError', `The trailer ${announced} was announced and did not come`)
  }
  const givenCrc = trailers.get(CRC32) ?? request.header(CRC32)
  if (givenCrc !== undefined && !/^[A-Za-z\d+/]{6}==$/.test(givenCrc)) {
    throw new S3Error('InvalidRequest', `Value for ${CRC32} is invalid`)
  }
  if (givenCrc !== undefined && givenCrc !== crc32) {
    throw new S3Error('BadDigest', 'The CRC32 you specified did not match the calculated checksum')
  }
  const givenMd5 = request.header('content-md5')
  if (givenMd5 === undefined) return
  if (!/^[A-Za-z\d+/]{22}==$/.test(givenMd5))
    throw new S3Error('InvalidDigest', 'The Content-MD5 you specified is invalid')
  if (givenMd5 !== md5.toString('base64')) {
    throw new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received')
  }
}
