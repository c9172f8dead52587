import { describe, expect, test } from 'vitest'
import { inPieces } from './intake/intake-fixture.ts'
import { DEFAULT_INTAKE_LIMITS } from './intake/intake-limits.ts'
import { readJsonBody } from './read-json-body.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

function read(
  text: string,
  { isStreamed = false, headers = {} as Record<string, string>, idleTimeoutMs = 30_000 } = {},
) {
  const bytes = Buffer.from(text)
  const body = isStreamed ? inPieces(bytes, [1_000]) : bytes
  const length: Record<string, string> = isStreamed ? {} : { 'content-length': String(bytes.byteLength) }
  const init = { method: 'POST', body, duplex: 'half', headers: { ...JSON_TYPE, ...length, ...headers } } as const
  return readJsonBody(new Request('http://localhost/api/keys', init), { ...DEFAULT_INTAKE_LIMITS, idleTimeoutMs })
}

const nested = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`
const keys = (count: number) =>
  JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n])))

describe.each([
  ['with its length', false],
  ['in chunks', true],
])('a body %s', (_, isStreamed) => {
  test.each([
    ['of 256 KB and a byte', JSON.stringify({ a: 'x'.repeat(262_137) }), 413, 'body_too_large'],
    ['of 10 MB', JSON.stringify({ a: 'x'.repeat(10_000_000) }), 413, 'body_too_large'],
    ['33 levels deep', nested(32), 400, 'json_too_deep'],
    ['a hundred thousand levels deep', nested(100_000), 400, 'json_too_deep'],
    ['with 1,001 keys', keys(1_001), 400, 'invalid_request'],
    ['with a list of 10,001', JSON.stringify({ a: Array(10_001).fill(0) }), 400, 'invalid_request'],
    ['with a text beyond 32 KB', JSON.stringify({ a: 'x'.repeat(32_769) }), 400, 'invalid_request'],
    [
      'with a data URI beyond 32 KB, for which nothing here is meant',
      JSON.stringify({ a: `data:image/png;base64,${'A'.repeat(32_769)}` }),
      400,
      'invalid_request',
    ],
    ['with __proto__', '{"a":{"__proto__":{"isAdmin":true}}}', 400, 'invalid_request'],
    ['with constructor.prototype', '{"constructor":{"prototype":{"isAdmin":true}}}', 400, 'invalid_request'],
    ['that is no JSON', '{"a":', 400, 'invalid_json'],
    ['that is empty', '', 400, 'invalid_json'],
    ['that is a list', '[]', 400, 'invalid_request'],
  ])('%s is refused at once', async (_name, text, status, code) => {
    const beganMs = performance.now()
    await expect(read(text, { isStreamed })).rejects.toMatchObject({ status, code })
    expect(performance.now() - beganMs).toBeLessThan(500)
    expect({}).not.toHaveProperty('isAdmin')
  })

  test('within every limit is what JSON says; of two equal names the last one counts', async () => {
    expect(await read('{"name":"first","name":"blue","weight":1}', { isStreamed })).toEqual({ name: 'blue', weight: 1 })
    expect(Object.keys(await read(keys(1_000), { isStreamed }))).toHaveLength(1_000)
    expect(await read(nested(31), { isStreamed })).toHaveProperty('a')
  })
})

test('another type and a compressed body are answered 415', async () => {
  for (const headers of [{ 'content-type': 'text/plain' }, { 'content-encoding': 'gzip' }]) {
    await expect(read('{}', { headers })).rejects.toMatchObject({ status: 415 })
  }
  const form = { 'content-type': 'multipart/form-data; boundary=x' }
  await expect(read('--x--', { headers: form })).rejects.toMatchObject({ status: 415 })
})

test('a sender that falls silent is answered 408', async () => {
  const silent = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(Buffer.from('{"a":')) })
  const request = new Request('http://localhost/api/keys', {
    method: 'POST',
    body: silent,
    duplex: 'half',
    headers: JSON_TYPE,
  })
  const reading = readJsonBody(request, { ...DEFAULT_INTAKE_LIMITS, idleTimeoutMs: 50 })
  await expect(reading).rejects.toMatchObject({ status: 408, code: 'request_timeout' })
})
