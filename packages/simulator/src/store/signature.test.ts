import { GetObjectCommand, PutObjectCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Store, startStore } from './store.ts'

let store: Store
let nowMs: number
const clients: S3Client[] = []

beforeEach(async () => {
  nowMs = Date.now()
  store = await startStore({ now: () => nowMs })
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await store.close()
})

const clientWith = (config: S3ClientConfig = {}) => {
  const { url, region, accessKeyId, secretAccessKey } = store
  const credentials = { accessKeyId, secretAccessKey }
  const client = new S3Client({ endpoint: url, region, credentials, forcePathStyle: true, maxAttempts: 1, ...config })
  clients.push(client)
  return client
}
const put = (client: S3Client, extra: object = {}) =>
  client.send(new PutObjectCommand({ Bucket: store.bucket, Key: 'k', Body: 'hello', ...extra }))

interface Sent {
  headers: Record<string, string>
  path: string
  body: unknown
}

/** A client whose requests are changed behind the signer's back. */
const forger = (forge: (request: Sent) => Partial<Sent>) => {
  const client = clientWith()
  client.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as Sent // what every HTTP handler of the SDK receives
      Object.assign(request, forge(request))
      return next(args)
    },
    { step: 'deserialize' },
  )
  return client
}

test('wrong keys and a wrong region are refused, each by name', async () => {
  const { accessKeyId, secretAccessKey } = store
  const stranger = clientWith({ credentials: { accessKeyId: 'AKIAOTHER', secretAccessKey } })
  await expect(put(stranger)).rejects.toMatchObject({ name: 'InvalidAccessKeyId' })
  const thief = clientWith({ credentials: { accessKeyId, secretAccessKey: 'guessed' } })
  await expect(put(thief)).rejects.toMatchObject({ name: 'SignatureDoesNotMatch', $metadata: { httpStatusCode: 403 } })
  const lost = clientWith({ region: 'eu-west-1' })
  await expect(put(lost)).rejects.toMatchObject({ name: 'AuthorizationHeaderMalformed' })
  expect((await fetch(`${store.url}/${store.bucket}/k`)).status).toBe(403)
  expect(store.objects()).toEqual([])
})

const withHeader =
  (name: string, value: string) =>
  ({ headers }: Sent) => ({ headers: { ...headers, [name]: value } })

test.each([
  ['path', 'SignatureDoesNotMatch', ({ path }: Sent) => ({ path: path.replace('/k', '/other') })],
  ['signed header', 'SignatureDoesNotMatch', withHeader('content-type', 'a/b')],
  ['extra x-amz header', 'AccessDenied', withHeader('x-amz-meta-a', '1')],
  ['body', 'XAmzContentSHA256Mismatch', () => ({ body: 'jello' })],
] as const)('a request whose %s was changed after signing is refused as %s', async (_, name, forge) => {
  await expect(put(forger(forge))).rejects.toMatchObject({ name })
  expect(store.objects()).toEqual([])
})

test('a checksum that does not fit the body is refused', async () => {
  const wrong = { ChecksumCRC32: 'AAAAAA==' }
  await expect(put(clientWith(), wrong)).rejects.toMatchObject({ name: 'BadDigest' })
  const md5 = { ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' }
  await expect(put(clientWith(), md5)).rejects.toMatchObject({ name: 'BadDigest' })
  await expect(put(clientWith(), { ContentMD5: 'short' })).rejects.toMatchObject({ name: 'InvalidDigest' })
  expect(store.objects()).toEqual([])
})

test('a clock sixteen minutes off is refused, and the SDK corrects itself when it may try again', async () => {
  nowMs += 16 * 60_000
  await expect(put(clientWith())).rejects.toMatchObject({ name: 'RequestTimeTooSkewed' })
  nowMs -= 2 * 60_000
  await put(clientWith())
  nowMs += 2 * 60_000
  const { $metadata } = await put(clientWith({ maxAttempts: 3 }))
  expect($metadata.attempts).toBe(2)
})

test('a presigned GET works until it expires, with forced type and disposition, and not when tampered with', async () => {
  await put(clientWith())
  const command = new GetObjectCommand({
    Bucket: store.bucket,
    Key: 'k',
    ResponseContentType: 'video/mp4',
    ResponseContentDisposition: 'attachment; filename="a b.mp4"',
  })
  const url = await getSignedUrl(clientWith(), command, { expiresIn: 60 })
  const answer = await fetch(url)
  expect(await answer.text()).toBe('hello')
  expect(answer.headers.get('content-type')).toBe('video/mp4')
  expect(answer.headers.get('content-disposition')).toBe('attachment; filename="a b.mp4"')

  const tampered = await fetch(url.replace('video%2Fmp4', 'text%2Fhtml'))
  expect([tampered.status, await tampered.text()]).toEqual([403, expect.stringContaining('SignatureDoesNotMatch')])
  expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(403)
  nowMs += 61_000
  const late = await fetch(url)
  expect([late.status, await late.text()]).toEqual([403, expect.stringContaining('Request has expired')])
})

test('a presigned PUT stores what plain fetch sends', async () => {
  const client = clientWith({ requestChecksumCalculation: 'WHEN_REQUIRED' })
  const url = await getSignedUrl(client, new PutObjectCommand({ Bucket: store.bucket, Key: 'up' }), { expiresIn: 60 })
  expect((await fetch(url, { method: 'PUT', body: 'sent' })).status).toBe(200)
  expect(store.get('up')?.body.toString()).toBe('sent')
})

test('what the store does not do is refused, never ignored', async () => {
  const client = clientWith()
  await expect(put(client, { ChecksumAlgorithm: 'SHA256' })).rejects.toMatchObject({ name: 'NotImplemented' })
  const versioned = client.send(new GetObjectCommand({ Bucket: store.bucket, Key: 'k', VersionId: '1' }))
  await expect(versioned).rejects.toMatchObject({ name: 'NotImplemented' })
})
