import { expect, test } from 'vitest'
import { openStorage } from './open-storage.ts'

test.each([
  ['', 'is not a URL'],
  ['/var/outputs', 'is not a URL'],
  ['https://bucket.s3.amazonaws.com', 'has the scheme https://'],
  ['s3://', 'must name a bucket'],
  ['s3://Not_A_Bucket', 'must name a bucket'],
  ['s3://bucket/a/../../b?x=1', 'neither a query nor a fragment'],
  ['s3://bucket/%2e%2e/b%2F..', 'has a prefix that cannot begin a key'],
  ['s3://bucket/%zz', 'not percent-encoded'],
  ['s3://key:secret@bucket', 'must not hold credentials'],
  ['file://server/share', 'names a host'],
  ['file:///', 'names the root of the file system'],
])('the URL %j is refused and the message says why', (url, reason) => {
  expect(() => openStorage(url)).toThrow(expect.objectContaining({ code: 'invalid_url', retryable: false }))
  expect(() => openStorage(url)).toThrow(reason)
})

test('a refusal never repeats the URL', () => {
  expect(() => openStorage('s3://key:hunter2@bucket')).toThrow(/^(?!.*hunter2)/)
})

test('an endpoint must be an http URL', () => {
  expect(() => openStorage('s3://bucket', { s3Endpoint: 'store:9000' })).toThrow('S3 endpoint')
})
