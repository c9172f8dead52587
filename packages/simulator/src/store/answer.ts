import type { Bucket } from './bucket.ts'
import type { Payload } from './payload.ts'
import type { S3Request } from './s3-request.ts'

export interface Answer {
  status: number
  headers: Record<string, string | number>
  body?: Buffer
}

export interface Call {
  readonly request: S3Request
  readonly bucket: Bucket
  readonly listPageKeys: number
  /** Reads and checks the request's body. */
  readonly payload: () => Promise<Payload>
}

export function xmlAnswer(xml: string, status = 200, headers: Answer['headers'] = {}): Answer {
  return { status, headers: { 'content-type': 'application/xml', ...headers }, body: Buffer.from(xml) }
}
