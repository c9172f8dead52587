import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Store, startStore } from './store.ts'

let store: Store
let client: S3Client
let Bucket: string

const clientOf = ({ url, region, accessKeyId, secretAccessKey }: Store) =>
  new S3Client({ endpoint: url, region, credentials: { accessKeyId, secretAccessKey }, forcePathStyle: true })

beforeEach(async () => {
  store = await startStore()
  client = clientOf(store)
  Bucket = store.bucket
})
afterEach(async () => {
  client.destroy()
  await store.close()
})

const put = (Key: string, Body = 'hello') => client.send(new PutObjectCommand({ Bucket, Key, Body }))

test('an object comes back with its bytes, type, metadata and ETag', async () => {
  const Key = "a folder/ü+b'(1)!*~.txt"
  const answer = await client.send(
    new PutObjectCommand({
      Bucket,
      Key,
      Body: 'hello',
      ContentType: 'text/x-a',
      Metadata: { n: '1' },
      CacheControl: 'no-store',
    }),
  )
  expect(answer.ETag).toBe('"5d41402abc4b2a76b9719d911017c592"')
  const got = await client.send(new GetObjectCommand({ Bucket, Key }))
  expect(got).toMatchObject({
    ContentType: 'text/x-a',
    Metadata: { n: '1' },
    CacheControl: 'no-store',
    ContentLength: 5,
  })
  expect(await got.Body?.transformToString()).toBe('hello')
  const head = await client.send(new HeadObjectCommand({ Bucket, Key }))
  expect(head).toMatchObject({ ETag: answer.ETag, ContentLength: 5, ContentType: 'text/x-a' })
  expect(store.get(Key)?.body.toString()).toBe('hello')
  expect(store.journal.map(({ operation, status }) => [operation, status])).toEqual([
    ['PutObject', 200],
    ['GetObject', 200],
    ['HeadObject', 200],
  ])
})

test('a stream sent as aws-chunked is stored without its framing, its trailer checked', async () => {
  const bytes = Buffer.alloc(300_000, 'abc')
  const Body = Readable.from([bytes.subarray(0, 7), bytes.subarray(7, 200_000), bytes.subarray(200_000)])
  await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body, ContentLength: bytes.length }))
  expect(store.journal[0]?.headers).toMatchObject({
    'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    'x-amz-trailer': 'x-amz-checksum-crc32',
  })
  expect(store.get('k')?.body.equals(bytes)).toBe(true)
  expect(store.get('k')?.headers).toEqual({})
})

test.each([
  ['bytes=1-3', 'ell', 'bytes 1-3/5'],
  ['bytes=2-', 'llo', 'bytes 2-4/5'],
  ['bytes=-2', 'lo', 'bytes 3-4/5'],
  ['bytes=0-99', 'hello', 'bytes 0-4/5'],
])('the range %s gives %s', async (Range, text, contentRange) => {
  await put('k')
  const got = await client.send(new GetObjectCommand({ Bucket, Key: 'k', Range }))
  expect(got).toMatchObject({ ContentRange: contentRange, $metadata: { httpStatusCode: 206 } })
  expect(await got.Body?.transformToString()).toBe(text)
})

test('a range behind the end is refused, and a range nobody can read gives the whole', async () => {
  await put('k')
  const behind = client.send(new GetObjectCommand({ Bucket, Key: 'k', Range: 'bytes=5-9' }))
  await expect(behind).rejects.toMatchObject({ name: 'InvalidRange', $metadata: { httpStatusCode: 416 } })
  const whole = await client.send(new GetObjectCommand({ Bucket, Key: 'k', Range: 'bytes=3-1' }))
  expect(whole.$metadata.httpStatusCode).toBe(200)
})

test('reads keep their conditions', async () => {
  const { ETag } = await put('k')
  const read = (conditions: object) => client.send(new GetObjectCommand({ Bucket, Key: 'k', ...conditions }))
  await expect(read({ IfMatch: '"other"' })).rejects.toMatchObject({ name: 'PreconditionFailed' })
  await expect(read({ IfNoneMatch: ETag })).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } })
  expect((await read({ IfMatch: ETag, IfNoneMatch: '"other"' })).$metadata.httpStatusCode).toBe(200)
})

test('of many writes that want the key absent exactly one succeeds', async () => {
  const writes = ['a', 'b', 'c'].map((Body) =>
    client.send(new PutObjectCommand({ Bucket, Key: 'k', Body, IfNoneMatch: '*' })),
  )
  const results = await Promise.allSettled(writes)
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  expect(refused).toMatchObject([{ name: 'PreconditionFailed' }, { name: 'PreconditionFailed' }])
})

test('what is not there is said to be absent in S3 words', async () => {
  await expect(client.send(new GetObjectCommand({ Bucket, Key: 'no' }))).rejects.toMatchObject({ name: 'NoSuchKey' })
  await expect(client.send(new HeadObjectCommand({ Bucket, Key: 'no' }))).rejects.toMatchObject({ name: 'NotFound' })
  const nowhere = client.send(new PutObjectCommand({ Bucket: 'other', Key: 'k', Body: 'x' }))
  await expect(nowhere).rejects.toMatchObject({ name: 'NoSuchBucket', $metadata: { httpStatusCode: 404 } })
  await expect(client.send(new HeadBucketCommand({ Bucket: 'other' }))).rejects.toMatchObject({ name: 'NotFound' })
  const answer = await client.send(new DeleteObjectCommand({ Bucket, Key: 'no' }))
  expect(answer.$metadata.httpStatusCode).toBe(204)
})

test('a bucket can be made once and used at once', async () => {
  await client.send(new CreateBucketCommand({ Bucket: 'second' }))
  await client.send(new HeadBucketCommand({ Bucket: 'second' }))
  await client.send(new PutObjectCommand({ Bucket: 'second', Key: 'k', Body: 'x' }))
  expect(store.objects()).toHaveLength(0)
  const again = client.send(new CreateBucketCommand({ Bucket: 'second' }))
  await expect(again).rejects.toMatchObject({ name: 'BucketAlreadyOwnedByYou' })
  const bad = client.send(new CreateBucketCommand({ Bucket: 'Not_Valid' }))
  await expect(bad).rejects.toMatchObject({ name: 'InvalidBucketName' })
})

test('a listing goes by prefix, in byte order, page by page, and groups by delimiter', async () => {
  for (const key of ['p/b&c', 'p/a', 'p/sub/2', 'p/sub/1', 'q/x', 'p/é']) await put(key)
  const keys: (string | undefined)[] = []
  let ContinuationToken: string | undefined
  let pages = 0
  do {
    const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'p/', MaxKeys: 2, ContinuationToken }))
    keys.push(...(page.Contents ?? []).map(({ Key }) => Key))
    ContinuationToken = page.NextContinuationToken
    pages += 1
  } while (ContinuationToken !== undefined)
  expect(keys).toEqual(['p/a', 'p/b&c', 'p/sub/1', 'p/sub/2', 'p/é'])
  expect(pages).toBe(3)
  const grouped = await client.send(new ListObjectsV2Command({ Bucket, Delimiter: '/' }))
  expect(grouped.CommonPrefixes).toEqual([{ Prefix: 'p/' }, { Prefix: 'q/' }])
})

test('many objects are deleted in one request', async () => {
  for (const key of ['a<&>', 'b', 'c']) await put(key)
  const Delete = { Objects: [{ Key: 'a<&>' }, { Key: 'c' }] }
  const { Deleted } = await client.send(new DeleteObjectsCommand({ Bucket, Delete }))
  expect(Deleted).toEqual([{ Key: 'a<&>' }, { Key: 'c' }])
  expect(store.objects().map(({ key }) => key)).toEqual(['b'])
})

test('with a folder the objects of every bucket survive a restart', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'store-'))
  try {
    const before = await startStore({ directory })
    const writer = clientOf(before)
    await writer.send(new CreateBucketCommand({ Bucket: 'second' }))
    await writer.send(new PutObjectCommand({ Bucket, Key: 'a/b', Body: 'one', Metadata: { n: '1' } }))
    await writer.send(new PutObjectCommand({ Bucket, Key: 'gone', Body: 'two' }))
    await writer.send(new DeleteObjectCommand({ Bucket, Key: 'gone' }))
    writer.destroy()
    await before.close()
    const after = await startStore({ directory })
    expect(after.objects()).toMatchObject([{ key: 'a/b', metadata: { n: '1' }, body: Buffer.from('one') }])
    await clientOf(after).send(new HeadBucketCommand({ Bucket: 'second' }))
    await after.close()
  } finally {
    await rm(directory, { recursive: true })
  }
})
