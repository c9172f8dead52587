import { GetObjectCommand, PutObjectCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Store, startStore } from './store.ts'

const MIB = 1024 * 1024
let store: Store
const clients: S3Client[] = []

beforeEach(async () => {
  store = await startStore()
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await store.close()
})

const clientWith = (config: S3ClientConfig) => {
  const { url, region, accessKeyId, secretAccessKey } = store
  const credentials = { accessKeyId, secretAccessKey }
  const client = new S3Client({ endpoint: url, region, credentials, forcePathStyle: true, ...config })
  clients.push(client)
  return client
}
const put = (client: S3Client, Key = 'k', Body: string | Buffer = 'hello', abortSignal?: AbortSignal) =>
  client.send(new PutObjectCommand({ Bucket: store.bucket, Key, Body }), abortSignal ? { abortSignal } : {})
const get = (client: S3Client, Key = 'k') => client.send(new GetObjectCommand({ Bucket: store.bucket, Key }))

test.each([
  ['slow_down', 'SlowDown', 503],
  ['internal_error', 'InternalError', 500],
  ['access_denied', 'AccessDenied', 403],
  ['time_skewed', 'RequestTimeTooSkewed', 403],
] as const)('%s refuses as %s, so many times and no more', async (kind, name, httpStatusCode) => {
  const client = clientWith({ maxAttempts: 1 })
  const fault = store.fault({ kind, times: 2 })
  await expect(put(client)).rejects.toMatchObject({ name, $metadata: { httpStatusCode } })
  expect(fault.remaining()).toBe(1)
  await expect(put(client)).rejects.toMatchObject({ name })
  await put(client)
  expect(store.journal.map(({ fault, errorCode }) => [fault, errorCode])).toEqual([
    [kind, name],
    [kind, name],
    [undefined, undefined],
  ])
})

test('a fault hits only the operation, method and key it names, until it is canceled', async () => {
  const client = clientWith({ maxAttempts: 1 })
  const fault = store.fault({
    kind: 'internal_error',
    operation: 'GetObject',
    key: /^bad/,
    times: Number.POSITIVE_INFINITY,
  })
  store.fault({ kind: 'internal_error', method: 'PUT', key: 'other' })
  await put(client, 'bad/1')
  await put(client, 'good')
  await get(client, 'good')
  await expect(get(client, 'bad/1')).rejects.toMatchObject({ name: 'InternalError' })
  fault.cancel()
  await get(client, 'bad/1')
})

test('a reset mid-upload stores nothing, and the SDK gets through on its next attempt', async () => {
  const client = clientWith({ maxAttempts: 2 })
  store.fault({ kind: 'reset', operation: 'PutObject', afterBytes: 100_000 })
  const { $metadata } = await put(client, 'k', Buffer.alloc(2 * MIB))
  expect($metadata.attempts).toBe(2)
  const [cut] = store.journal
  expect(cut).toMatchObject({ fault: 'reset' })
  expect(cut?.status).toBeUndefined()
  expect(cut?.receivedBytes).toBeLessThan(2 * MIB)
})

test('a reset mid-download breaks the body', async () => {
  const client = clientWith({ maxAttempts: 1 })
  await put(client, 'k', Buffer.alloc(MIB))
  store.fault({ kind: 'reset', operation: 'GetObject', afterBytes: 500_000 })
  const { Body } = await get(client)
  await expect(Body?.transformToByteArray()).rejects.toThrow()
})

test('a stalled request is held until the client goes', async () => {
  store.fault({ kind: 'stall' })
  const abort = new AbortController()
  const stalled = put(clientWith({ maxAttempts: 1 }), 'k', 'hello', abort.signal)
  stalled.catch(() => undefined)
  await vi.waitFor(() => expect(store.journal).toHaveLength(1))
  abort.abort()
  await expect(stalled).rejects.toMatchObject({ name: 'AbortError' })
  expect(store.objects()).toEqual([])
})

test('a slow upload and a slow download take the time their bytes take', async () => {
  const client = clientWith({ maxAttempts: 1 })
  for (const operation of ['PutObject', 'GetObject'] as const)
    store.fault({ kind: 'slow', operation, bytesPerSecond: MIB })
  const startedMs = performance.now()
  await put(client, 'k', Buffer.alloc(MIB / 10))
  const uploadedMs = performance.now()
  const { Body } = await get(client)
  expect((await Body?.transformToByteArray())?.length).toBe(Math.floor(MIB / 10))
  expect(uploadedMs - startedMs).toBeGreaterThan(90)
  expect(performance.now() - uploadedMs).toBeGreaterThan(90)
})

test('an error inside a 200 on Complete is an error to the SDK, which completes on its next attempt', async () => {
  store.fault({ kind: 'error_in_200', operation: 'CompleteMultipartUpload' })
  const params = { Bucket: store.bucket, Key: 'big', Body: Buffer.alloc(6 * MIB) }
  await new Upload({ client: clientWith({ maxAttempts: 2 }), params }).done()
  const completes = store.journal.filter(({ operation }) => operation === 'CompleteMultipartUpload')
  expect(completes.map(({ status }) => status)).toEqual([200, 200])
  expect(store.get('big')?.body).toHaveLength(6 * MIB)
})

test('a lost answer has done its work', async () => {
  store.fault({ kind: 'lost_answer' })
  await expect(put(clientWith({ maxAttempts: 1 }))).rejects.toThrow()
  expect(store.get('k')?.body.toString()).toBe('hello')
})
