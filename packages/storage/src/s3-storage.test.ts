import { type Store, startStore } from '@genqueue/simulator'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openStorage } from './open-storage.ts'
import { createS3Client, type S3Options } from './s3-client.ts'
import { S3Storage } from './s3-storage.ts'
import { collect, MIB, randomBytes, sha256, source, storageSuite } from './storage.testsuite.ts'
import type { Storage } from './storage.ts'

const OPTIONS = { contentType: 'video/mp4', maxBytes: 100 * MIB }
const FOREVER = Number.POSITIVE_INFINITY

const openFor = (store: Store, options: S3Options = {}) => {
  const { url, region, accessKeyId, secretAccessKey, bucket } = store
  return openStorage(`s3://${bucket}/team/a`, {
    s3Endpoint: url,
    region,
    credentials: { accessKeyId, secretAccessKey },
    ...options,
  })
}

storageSuite('a bucket', async () => {
  const store = await startStore()
  const storage = openFor(store)
  return {
    storage,
    leftovers: async () => [...store.objects(), ...store.openUploads()].map(({ key }) => key),
    close: async () => {
      await storage.close()
      await store.close()
    },
  }
})

describe('43 a bucket (I4)', () => {
  let store: Store
  let storage: Storage
  beforeEach(async () => {
    store = await startStore()
    storage = openFor(store)
  })
  afterEach(async () => {
    await storage.close()
    await store.close()
  })

  const operations = () => store.journal.map(({ operation }) => operation)
  const expectNothing = () => expect([store.objects(), store.openUploads()]).toEqual([[], []])

  test('holds objects under its prefix, small ones in one request and its check', async () => {
    await storage.put('jobs/1', source(Buffer.from('x')), OPTIONS)
    expect(store.objects().map(({ key }) => key)).toEqual(['team/a/jobs/1'])
    expect(operations()).toEqual(['PutObject', 'HeadObject'])
    expect(store.journal[0]?.headers['x-amz-checksum-crc32']).toBeDefined()
    await storage.put('jobs/2', source(randomBytes(6 * MIB)), OPTIONS)
    const parts = store.journal.filter(({ operation }) => operation === 'UploadPart')
    expect(parts).toHaveLength(2)
    for (const { headers } of parts) expect(headers['x-amz-checksum-crc32']).toBeDefined()
  })

  test.each(['slow_down', 'internal_error'] as const)('gets through one %s on every request', async (kind) => {
    for (const operation of ['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload', 'HeadObject'] as const) {
      store.fault({ kind, operation })
    }
    const bytes = randomBytes(12 * MIB)
    expect(await storage.put('k', source(bytes), OPTIONS)).toMatchObject({ sha256: sha256(bytes) })
    expect(store.get('team/a/k')?.body.equals(bytes)).toBe(true)
  })

  test('works with a clock twenty minutes off, and one that stays refused may be tried again later', async () => {
    await store.close()
    store = await startStore({ now: () => Date.now() + 20 * 60_000 })
    const late = openFor(store)
    await late.put('k', source(randomBytes(6 * MIB)), OPTIONS)
    store.fault({ kind: 'time_skewed', operation: 'PutObject', times: FOREVER })
    const refused = late.put('k', source(Buffer.from('x')), OPTIONS)
    await expect(refused).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    await late.close()
  })

  test('gets through a reset in the middle of a part and an error inside a 200', async () => {
    store.fault({ kind: 'reset', operation: 'UploadPart', afterBytes: MIB })
    store.fault({ kind: 'error_in_200', operation: 'CompleteMultipartUpload' })
    const bytes = randomBytes(12 * MIB)
    await storage.put('k', source(bytes), OPTIONS)
    expect(store.get('team/a/k')?.body.equals(bytes)).toBe(true)
    expect(store.openUploads()).toEqual([])
  })

  test('a part that never succeeds ends the put and the reading of the source, and leaves no upload', async () => {
    store.fault({ kind: 'slow_down', operation: 'UploadPart', times: FOREVER })
    let pulledBytes = 0
    const counted = async function* () {
      for await (const chunk of source(randomBytes(60 * MIB))) {
        pulledBytes += chunk.length
        yield chunk
      }
    }
    await expect(storage.put('k', counted(), OPTIONS)).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    expect(pulledBytes).toBeLessThan(20 * MIB)
    expectNothing()
  })

  test('an abort while the bucket itself is silent ends the put, and leaves no upload', async () => {
    store.fault({ kind: 'stall', operation: 'UploadPart', times: FOREVER })
    const abort = new AbortController()
    const put = storage.put('k', source(randomBytes(30 * MIB)), { ...OPTIONS, signal: abort.signal })
    put.catch(() => undefined)
    await vi.waitFor(() => expect(operations().filter((name) => name === 'UploadPart')).toHaveLength(2))
    abort.abort()
    await expect(put).rejects.toMatchObject({ code: 'aborted' })
    expectNothing()
  })

  test('an upload is aborted again where the first abort was refused', async () => {
    store.fault({ kind: 'access_denied', operation: 'AbortMultipartUpload' })
    const put = storage.put('k', source(randomBytes(12 * MIB), new Error('reset')), OPTIONS)
    await expect(put).rejects.toMatchObject({ code: 'source_failed' })
    expectNothing()
  })

  test('where the answer to the last request is lost the put says so, and the same put succeeds after it', async () => {
    store.fault({ kind: 'lost_answer', operation: 'CompleteMultipartUpload' })
    const bytes = randomBytes(6 * MIB)
    await expect(storage.put('k', source(bytes), OPTIONS)).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    })
    expect(store.openUploads()).toEqual([])
    await storage.put('k', source(bytes), OPTIONS)
    expect(store.get('team/a/k')?.body.equals(bytes)).toBe(true)
  })

  test('a bucket on which nothing moves is given up', async () => {
    const impatient = openFor(store, { idleTimeoutMs: 100 })
    store.fault({ kind: 'stall', times: FOREVER })
    await expect(impatient.head('k')).rejects.toMatchObject({ code: 'unavailable' })
    await impatient.close()
  })

  test('never holds more than three parts, however large the object', async () => {
    store.fault({ kind: 'slow', operation: 'UploadPart', bytesPerSecond: 100 * MIB, times: FOREVER })
    const chunk = Buffer.alloc(64 * 1024)
    let pulledBytes = 0
    let mostHeldBytes = 0
    const watched = async function* () {
      while (pulledBytes < 40 * MIB) {
        pulledBytes += chunk.length
        const arrivedBytes = store.journal.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)
        mostHeldBytes = Math.max(mostHeldBytes, pulledBytes - arrivedBytes)
        yield chunk
      }
    }
    expect(await storage.put('k', watched(), OPTIONS)).toMatchObject({ bytes: 40 * MIB })
    expect(mostHeldBytes).toBeLessThan(16 * MIB)
  })

  test('an object that lies there shorter than it was sent is refused and removed', async () => {
    const { url, region, accessKeyId, secretAccessKey, bucket } = store
    const credentials = { accessKeyId, secretAccessKey }
    const client = createS3Client({ region, credentials }, url)
    client.middlewareStack.add(
      (next) => (args) => {
        const request = args.request as { method: string; body: Uint8Array } // what the serializer has just made
        if (request.method === 'PUT') request.body = request.body.subarray(1)
        return next(args)
      },
      { step: 'serialize', priority: 'low' },
    )
    const lossy = new S3Storage({ client, presigner: client, bucket, prefix: '' })
    const put = lossy.put('k', source(Buffer.from('hello')), OPTIONS)
    await expect(put).rejects.toMatchObject({
      code: 'unavailable',
      message: 'The bucket holds 4 bytes of the 5 it was sent',
    })
    expectNothing()
    await lossy.close()
  })

  test('a body that breaks off fails in our words', async () => {
    await storage.put('k', source(randomBytes(MIB)), OPTIONS)
    store.fault({ kind: 'reset', operation: 'GetObject', afterBytes: 500_000 })
    const object = await storage.get('k')
    await expect(collect(object?.body ?? source(Buffer.alloc(0)))).rejects.toMatchObject({
      name: 'StorageError',
      code: 'unavailable',
    })
  })

  test('a refusal and a missing bucket are told apart from an outage', async () => {
    const { accessKeyId } = store
    const thief = openFor(store, { credentials: { accessKeyId, secretAccessKey: 'guessed' } })
    const signal = AbortSignal.timeout(5_000)
    await expect(thief.check(signal)).rejects.toMatchObject({ code: 'denied', retryable: false })
    await thief.close()
    const lost = openStorage('s3://missing', { s3Endpoint: store.url, region: store.region, credentials: store })
    await expect(lost.check(signal)).rejects.toMatchObject({ code: 'not_found', retryable: false })
    await lost.close()
    await store.close()
    await expect(storage.check(signal)).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    store = await startStore()
  })

  test('a presigned URL works for plain fetch on the public host, with forced type and name, until it expires', async () => {
    const reachable = openFor(store, { s3PublicEndpoint: store.url.replace('127.0.0.1', 'localhost') })
    const html = { ...OPTIONS, contentType: 'text/html' }
    await reachable.put('k', source(Buffer.from('hello')), html)
    const url = await reachable.presign('k', {
      expiresSeconds: 60,
      contentType: 'video/mp4',
      filename: 'naïve "cut".mp4',
    })
    expect(url).toMatch(/^http:\/\/localhost:\d+\/genqueue\/team\/a\/k\?.*X-Amz-Expires=60&/)
    const answer = await fetch(url ?? '')
    expect([answer.status, await answer.text()]).toEqual([200, 'hello'])
    expect(answer.headers.get('content-type')).toBe('video/mp4')
    expect(answer.headers.get('content-disposition')).toBe(
      `attachment; filename="na_ve _cut_.mp4"; filename*=UTF-8''na%C3%AFve%20%22cut%22.mp4`,
    )
    const part = await fetch(url ?? '', { headers: { range: 'bytes=1-2' } })
    expect([part.status, await part.text()]).toEqual([206, 'el'])
    const inline = await reachable.presign('k', {
      expiresSeconds: 9,
      contentType: 'image/png',
      filename: 'a.png',
      disposition: 'inline',
    })
    expect((await fetch(inline ?? '')).headers.get('content-disposition')).toBe('inline; filename="a.png"')
    await reachable.close()
  })

  test('lists more objects than one page holds', async () => {
    await store.close()
    store = await startStore({ listPageKeys: 2 })
    const paged = openFor(store)
    const keys = ['a', 'b', 'c', 'd', 'e']
    for (const key of keys) await paged.put(key, source(Buffer.from('x')), OPTIONS)
    expect((await collect(paged.list(''))).map(({ key }) => key)).toEqual(keys)
    expect(operations().filter((name) => name === 'ListObjectsV2')).toHaveLength(3)
    await paged.close()
  })

  test("without credentials the SDK's own variables count", async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', store.accessKeyId)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', store.secretAccessKey)
    vi.stubEnv('AWS_REGION', store.region)
    try {
      const fromEnvironment = openStorage(`s3://${store.bucket}`, { s3Endpoint: store.url })
      await fromEnvironment.check(AbortSignal.timeout(5_000))
      await fromEnvironment.close()
    } finally {
      vi.unstubAllEnvs()
    }
  })
})
