import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Store, startStore } from './store.ts'

const MIB = 1024 * 1024
let store: Store
let client: S3Client
let target: { Bucket: string; Key: string }

beforeEach(async () => {
  store = await startStore()
  const { url, region, accessKeyId, secretAccessKey } = store
  const credentials = { accessKeyId, secretAccessKey }
  client = new S3Client({ endpoint: url, region, credentials, forcePathStyle: true, maxAttempts: 1 })
  target = { Bucket: store.bucket, Key: 'big' }
})
afterEach(async () => {
  client.destroy()
  await store.close()
})

const begin = async () => (await client.send(new CreateMultipartUploadCommand(target))).UploadId ?? ''
const part = async (UploadId: string, PartNumber: number, Body: Buffer) => {
  const { ETag } = await client.send(new UploadPartCommand({ ...target, UploadId, PartNumber, Body }))
  return { PartNumber, ETag }
}
const complete = (UploadId: string, Parts: { PartNumber: number; ETag: string | undefined }[], extra: object = {}) =>
  client.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts }, ...extra }))

test('a stream uploaded in parts by lib-storage comes back whole, tagged as multipart', async () => {
  const bytes = Buffer.alloc(11 * MIB, 'genqueue')
  const Body = Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000)
    })(),
  )
  const params = { ...target, Body, ContentType: 'video/mp4', Metadata: { n: '1' } }
  const { ETag } = await new Upload({ client, params }).done()
  expect(ETag).toMatch(/^"[\da-f]{32}-3"$/)
  expect(store.openUploads()).toEqual([])
  const got = await client.send(new GetObjectCommand(target))
  expect(got).toMatchObject({ ContentType: 'video/mp4', Metadata: { n: '1' }, ChecksumType: 'COMPOSITE' })
  expect(bytes.equals((await got.Body?.transformToByteArray()) ?? Buffer.alloc(0))).toBe(true)
})

test('open uploads and their parts can be listed, and aborting forgets them', async () => {
  const UploadId = await begin()
  await part(UploadId, 2, Buffer.from('two'))
  await part(UploadId, 1, Buffer.alloc(5 * MIB))
  const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: store.bucket }))
  expect(Uploads).toMatchObject([{ Key: 'big', UploadId }])
  const { Parts } = await client.send(new ListPartsCommand({ ...target, UploadId }))
  expect(Parts).toMatchObject([
    { PartNumber: 1, Size: 5 * MIB },
    { PartNumber: 2, Size: 3 },
  ])
  expect(store.openUploads()).toEqual([{ key: 'big', uploadId: UploadId, parts: 2 }])
  await client.send(new AbortMultipartUploadCommand({ ...target, UploadId }))
  await expect(part(UploadId, 3, Buffer.from('late'))).rejects.toMatchObject({ name: 'NoSuchUpload' })
  expect(store.openUploads()).toEqual([])
})

test('completing refuses small parts, wrong order, wrong tags and unknown uploads', async () => {
  const UploadId = await begin()
  const one = await part(UploadId, 1, Buffer.from('small'))
  const two = await part(UploadId, 2, Buffer.from('last'))
  await expect(complete(UploadId, [one, two])).rejects.toMatchObject({ name: 'EntityTooSmall' })
  await expect(complete(UploadId, [two, one])).rejects.toMatchObject({ name: 'InvalidPartOrder' })
  await expect(complete(UploadId, [{ ...one, ETag: two.ETag }])).rejects.toMatchObject({ name: 'InvalidPart' })
  await expect(complete('unknown', [one])).rejects.toMatchObject({ name: 'NoSuchUpload' })
  expect(store.objects()).toEqual([])
  await complete(UploadId, [two])
  expect(store.get('big')?.body.toString()).toBe('last')
})

test('completing where the key must be absent is refused with 412 and leaves the upload to be aborted', async () => {
  const first = await begin()
  const second = await begin()
  const parts = [await part(first, 1, Buffer.from('a')), await part(second, 1, Buffer.from('b'))]
  await complete(first, parts.slice(0, 1), { IfNoneMatch: '*' })
  const again = complete(second, parts.slice(1), { IfNoneMatch: '*' })
  await expect(again).rejects.toMatchObject({ name: 'PreconditionFailed', $metadata: { httpStatusCode: 412 } })
  expect(store.get('big')?.body.toString()).toBe('a')
  expect(store.openUploads()).toHaveLength(1)
})
