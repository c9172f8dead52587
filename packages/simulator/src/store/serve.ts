import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Answer, type Call, xmlAnswer } from './answer.ts'
import type { Bucket } from './bucket.ts'
import { ConnectionCut, disturb, type Fault, type Faults, refuse } from './faults.ts'
import { type JournalEntry, remember } from './journal.ts'
import { listObjects } from './list-objects.ts'
import * as multipart from './multipart-operations.ts'
import * as objects from './object-operations.ts'
import { readPayload } from './payload.ts'
import { S3Error } from './s3-error.ts'
import { type Operation, readS3Request, type S3Request } from './s3-request.ts'
import { type Credentials, verifySignature } from './signature.ts'

export interface World {
  readonly buckets: Map<string, Bucket>
  readonly openBucket: (name: string) => Promise<Bucket>
  readonly faults: Faults
  readonly journal: JournalEntry[]
  readonly credentials: Credentials
  readonly region: string
  readonly now: () => number
  readonly listPageKeys: number
}

interface Connection {
  readonly closed: AbortSignal
  reset(): void
}

const OPERATIONS = {
  HeadBucket: async () => ({ status: 200, headers: {} }),
  ListObjectsV2: listObjects,
  ListMultipartUploads: multipart.listMultipartUploads,
  DeleteObjects: objects.deleteObjects,
  PutObject: objects.putObject,
  GetObject: objects.getObject,
  HeadObject: objects.getObject,
  DeleteObject: objects.deleteObject,
  CreateMultipartUpload: multipart.createMultipartUpload,
  UploadPart: multipart.uploadPart,
  CompleteMultipartUpload: multipart.completeMultipartUpload,
  AbortMultipartUpload: multipart.abortMultipartUpload,
  ListParts: multipart.listParts,
} as const satisfies Record<Exclude<Operation, 'CreateBucket'>, (call: Call) => Promise<Answer>>

const READS_PAYLOAD: readonly Operation[] = ['PutObject', 'UploadPart', 'CompleteMultipartUpload', 'DeleteObjects']
const SLICE_BYTES = 16 * 1024

/** Answers one request, and never throws. */
export async function serve(world: World, http: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const connection = { closed: gone.signal, reset: () => void http.socket.resetAndDestroy() }
  const { method = 'GET', url = '/', headers } = http
  const entry = remember(world.journal, { atMs: world.now(), method, url, headers, receivedBytes: 0 })
  const requestId = randomUUID()
  // Clients with a wrong clock read the right time here.
  response.setHeader('date', new Date(world.now()).toUTCString()).setHeader('x-amz-request-id', requestId)
  let fault: Fault | undefined
  let answer: Answer
  try {
    const request = readS3Request(http)
    Object.assign(entry, { operation: request.operation, key: request.key })
    fault = world.faults.take(request)
    if (fault !== undefined) entry.fault = fault.kind
    answer = await perform(world, request, entry, fault, connection)
    if (fault?.kind === 'lost_answer') connection.reset()
  } catch (error) {
    if (error instanceof ConnectionCut || gone.signal.aborted) return
    const refusal = error instanceof S3Error ? error : new S3Error('InternalError', String(error))
    entry.errorCode = refusal.code
    answer =
      refusal.status === 304 ? { status: 304, headers: {} } : xmlAnswer(refusal.toXml(url, requestId), refusal.status)
  }
  if (gone.signal.aborted || http.socket.destroyed) return
  entry.status = answer.status
  await send(answer, response, entry.operation === 'GetObject' ? fault : undefined, connection)
}

async function perform(
  world: World,
  request: S3Request,
  entry: JournalEntry,
  fault: Fault | undefined,
  connection: Connection,
): Promise<Answer> {
  const payloadHash = verifySignature(request, world.credentials, world.region, world.now())
  refuse(fault)
  const onRequest = request.operation === 'GetObject' ? undefined : fault
  const body = disturb(counted(request.http, entry), onRequest, connection)
  if (!READS_PAYLOAD.includes(request.operation)) for await (const _ of body);
  if (request.operation === 'CreateBucket') return createBucket(world, request.bucket)
  const bucket = world.buckets.get(request.bucket)
  if (bucket === undefined) {
    throw new S3Error('NoSuchBucket', 'The specified bucket does not exist', { BucketName: request.bucket })
  }
  if (fault?.kind === 'error_in_200') {
    return xmlAnswer(
      new S3Error('InternalError', 'We encountered an internal error').toXml(request.rawPath, randomUUID()),
    )
  }
  const payload = () => readPayload(request, body, payloadHash)
  return OPERATIONS[request.operation]({ request, bucket, listPageKeys: world.listPageKeys, payload })
}

async function createBucket({ buckets, openBucket }: World, name: string): Promise<Answer> {
  if (!/^[a-z\d][a-z\d.-]{1,61}[a-z\d]$/.test(name) || name.includes('..')) {
    throw new S3Error('InvalidBucketName', 'The specified bucket is not valid')
  }
  if (buckets.has(name)) throw new S3Error('BucketAlreadyOwnedByYou', 'The bucket is yours already')
  buckets.set(name, await openBucket(name))
  return { status: 200, headers: { location: `/${name}` } }
}

async function* counted(http: IncomingMessage, entry: JournalEntry): AsyncGenerator<Buffer> {
  for await (const chunk of http) {
    entry.receivedBytes += chunk.length
    yield chunk
  }
}

async function send(
  { status, headers, body = Buffer.alloc(0) }: Answer,
  response: ServerResponse,
  fault: Fault | undefined,
  connection: Connection,
): Promise<void> {
  const length = status === 204 || status === 304 ? {} : { 'content-length': body.length }
  response.writeHead(status, { ...length, ...headers })
  if (response.req.method === 'HEAD') return void response.end()
  try {
    for await (const slice of disturb(slices(body), fault, connection)) {
      if (!response.write(slice)) await once(response, 'drain', { signal: connection.closed })
    }
    response.end()
  } catch (error) {
    if (!(error instanceof ConnectionCut) && !connection.closed.aborted) throw error
  }
}

async function* slices(body: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < body.length; at += SLICE_BYTES) yield body.subarray(at, at + SLICE_BYTES)
}
