import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ROOT } from '../scripts/source-files.ts'
import { ADMIN_KEY, type House, OTHER_TEAM_KEY, openHouse } from './house.ts'
import { EXAMPLES, type Operation, operationsOf } from './operations.ts'

let house: House
let operations: readonly Operation[]
beforeAll(async () => {
  const env = {
    // On a loopback address anything else takes requests without a key.
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    EGRESS_ALLOW: '10.20.0.0/16',
    HOOK_SECRET: 'hook-secret-0123456789abcdef',
  }
  house = await openHouse({ workers: 0, env })
  operations = operationsOf(await (await house.call('GET', '/openapi.json')).json())
})
afterAll(() => house.close())

const KEYED: Record<string, string> = { authorization: `Bearer ${ADMIN_KEY}` }
async function send({ method, path }: Pick<Operation, 'method' | 'path'>, body?: string, headers = KEYED) {
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(house.api.url + path.replaceAll(/\{\w+\}/g, 'nobody'), {
      method,
      redirect: 'manual',
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body }),
    })
    // Redis has 180 ms on a machine that others use too.
    if (response.status !== 503 || path === '/readyz' || tries === 10) return response
    await response.arrayBuffer()
  }
}
const withJson = () => operations.filter(({ json }) => json !== undefined)

describe('every route of the document', () => {
  test('answers with the headers that keep a browser out, whatever the answer', async () => {
    expect(operations.length).toBeGreaterThan(20)
    for (const operation of operations) {
      for (const headers of [KEYED, {}]) {
        const response = await send(operation, undefined, { ...headers, origin: 'https://evil.example' })
        await response.arrayBuffer()
        const name = `${operation.method} ${operation.path} ${response.status}`
        const carried = Object.fromEntries(response.headers)
        expect(carried, name).toMatchObject({
          'cache-control': 'no-store',
          'content-security-policy': expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'/),
          'cross-origin-opener-policy': 'same-origin',
          'cross-origin-resource-policy': 'same-origin',
          'permissions-policy': expect.stringContaining('camera=()'),
          'referrer-policy': 'no-referrer',
          'strict-transport-security': 'max-age=31536000',
          'x-content-type-options': 'nosniff',
          'x-frame-options': 'DENY',
          'x-request-id': expect.stringMatching(/^req_/),
        })
        expect(
          Object.keys(carried).filter((header) => /^access-control|^server$|^x-powered-by$/.test(header)),
          name,
        ).toEqual([])
      }
    }
  })

  test('refuses who has no key, and answers who has one, in the shape that the document says', async () => {
    for (const operation of operations) {
      const name = `${operation.method} ${operation.path}`
      const stranger = await send(operation, undefined, {})
      expect(stranger.status === 401, name).toBe(!operation.isPublic)
      for (const response of [stranger, await send(operation), await send(operation, operation.json && '{}')]) {
        expect(response.status, name).toBeLessThan(operation.path === '/readyz' ? 504 : 500)
        const schema = operation.schemaOf(response)
        const text = await response.text()
        if (schema) expect(z.safeParse(schema, JSON.parse(text)).error?.issues, `${name} ${text}`).toBeUndefined()
      }
    }
  })

  test('offers no method that the document does not name', async () => {
    for (const path of new Set(operations.map(({ path }) => path))) {
      const named = operations.filter((operation) => operation.path === path).map(({ method }) => method)
      const others = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'].filter((m) => !named.includes(m))
      for (const method of others) {
        const response = await send({ method, path })
        expect([400, 404, 405], `${method} ${path}`).toContain(response.status)
        await response.arrayBuffer()
      }
    }
  })
})

const HOSTILE: [name: string, body: string][] = [
  ['a hundred thousand levels', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ['thirty-three levels', `{"a":${'{"a":'.repeat(32)}1${'}'.repeat(33)}`],
  ['a thousand and one names', JSON.stringify(Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [n, n])))],
  ['a list of ten thousand and one', JSON.stringify({ a: Array(10_001).fill(0) })],
  ['a megabyte', JSON.stringify({ a: 'x'.repeat(1_048_576) })],
  ['__proto__', '{"__proto__":{"isAdmin":true},"metadata":{"__proto__":{"isAdmin":true}}}'],
  ['constructor.prototype', '{"constructor":{"prototype":{"isAdmin":true}}}'],
  ['nothing', ''],
  ['half an object', '{"a":'],
  ['a list', '[]'],
  ['null', 'null'],
  ['a lone surrogate', '{"model":"\\ud800","name":"\\ud800"}'],
]

test.each(HOSTILE)(
  '47 a body of %s is refused within a second on every route that takes JSON (I9)',
  async (_, body) => {
    for (const operation of withJson()) {
      const name = `${operation.method} ${operation.path}`
      const beganMs = performance.now()
      const response = await send(operation, body)
      expect([400, 404, 413], `${name} ${await response.text()}`).toContain(response.status)
      expect(performance.now() - beganMs, name).toBeLessThan(1_000)
    }
    expect({}).not.toHaveProperty('isAdmin')
  },
)

test('a text of 100 KB, or of all that is allowed, in any field of any route is judged within 50 ms', async () => {
  const slow: string[] = []
  for (const operation of withJson()) {
    for (const field of Object.keys(operation.json?.properties ?? {})) {
      for (const length of [32_768, 100_000]) {
        const body = JSON.stringify({ ...operation.example, [field]: 'a'.repeat(length) })
        let bestMs = Number.POSITIVE_INFINITY
        // Others work on this machine too: what counts is how fast it can be.
        for (let tries = 0; tries < 8 && bestMs >= 50; tries += 1) {
          const beganMs = performance.now()
          const response = await send(operation, body)
          await response.arrayBuffer()
          bestMs = Math.min(bestMs, performance.now() - beganMs)
          expect(response.status, `${operation.method} ${operation.path} ${field}`).toBeLessThan(500)
        }
        if (bestMs >= 50) slow.push(`${operation.method} ${operation.path} ${field} ${length}: ${bestMs} ms`)
      }
    }
  }
  expect(slow).toEqual([])
})

test('fields that are ours to decide are not taken from a caller', async () => {
  const forged = {
    id: 'job_1',
    team: 'other',
    status: 'completed',
    progress: 100,
    cost: 0,
    isAdmin: true,
    created_at: 0,
  }
  const native = await house.call('POST', '/v1/jobs', { ...EXAMPLES['/v1/jobs'], ...forged })
  expect([native.status, await native.json()]).toMatchObject([400, { code: 'unknown_parameter' }])
  // What this door does not know goes to the vendor, who says what it thinks of it.
  const video = await house.call('POST', '/v1/videos', { ...EXAMPLES['/v1/videos'], ...forged })
  const made = z.object({ id: z.string(), status: z.string(), created_at: z.int() }).parse(await video.json())
  expect(made).toMatchObject({ id: expect.not.stringMatching(/^job_1$/), status: 'queued' })
  expect(made.created_at).toBeGreaterThan(1_700_000_000)
  const asOther = { authorization: `Bearer ${OTHER_TEAM_KEY}` }
  expect((await house.call('GET', `/v1/videos/${made.id}`, undefined, asOther)).status).toBe(404)
})

test.each(['x-request-id', 'idempotency-key', 'authorization', 'prefer', 'range', 'content-type', 'origin'])(
  'a header %s of 12 KB is judged at once and never repeated',
  async (name) => {
    const value = 'a'.repeat(12_000)
    const beganMs = performance.now()
    const response = await house.call('POST', '/v1/jobs', {}, { [name]: value })
    const told = `${JSON.stringify([...response.headers])}${await response.text()}`
    expect(response.status).toBeLessThan(500)
    expect(told).not.toContain(value)
    expect(performance.now() - beganMs).toBeLessThan(500)
  },
)

test.each(['na\u00efve', 'a b', '"}{', '<script>', 'a\tb', 'a,b'])('the request id %j is replaced', async (id) => {
  const response = await house.call('GET', '/v1/jobs', undefined, { 'x-request-id': id })
  expect(response.headers.get('x-request-id')).toMatch(/^req_[\w-]+$/)
})

test('a filename cannot break out of the header or the address that hands the file on', async () => {
  const body = new FormData()
  const png = await readFile(join(ROOT, 'packages/simulator/media/output.png'))
  body.set('file', new Blob([png]), 'a"\r\nx-forged: 1;\u202e\u00ef\u{1f408}\\.png')
  const made = await fetch(`${house.api.url}/v1/files`, { method: 'POST', body, headers: KEYED })
  const { id } = z.object({ id: z.string() }).parse(await made.json())
  for (const method of ['GET', 'HEAD']) {
    const { headers } = await house.call(method, `/v1/files/${id}/content`)
    expect([headers.get('x-forged'), headers.get('cache-control')]).toEqual([null, 'no-store'])
    const told = `${headers.get('content-disposition')} ${headers.get('location')}`
    expect([...told].filter((character) => character < ' ' || character > '~')).toEqual([])
    expect(headers.get('content-disposition') ?? 'attachment; filename="').toMatch(/^attachment; filename="[^"]*"?$/)
  }
})

describe('the addresses of the list, as a caller may send them', async () => {
  const Case = z.object({ id: z.string(), url: z.string(), expect: z.string() })
  const list = await readFile(join(ROOT, 'packages/egress/src/ssrf-cases.json'), 'utf8')
  const cases = z.array(Case).parse(JSON.parse(list))
  const job = (input: object, rest: object = {}) => ({
    provider: 'runway',
    operation: 'image_to_video',
    input: { model: 'gen4_turbo', promptText: 'x', ratio: '1280:720', ...input },
    ...rest,
  })
  const answers = async (url: string) => {
    const secure = url.replace(/^http:/, 'https:')
    const webhook = await house.call('POST', '/v1/jobs', job({}, { webhook_url: secure }))
    const input = await house.call('POST', '/v1/jobs', job({ promptImage: secure }))
    const bodies = z
      .array(z.looseObject({ code: z.string().optional() }))
      .parse([await webhook.json(), await input.json()])
    return { statuses: [webhook.status, input.status], codes: bodies.map(({ code }) => code) }
  }

  test('are refused where they must not be reached, as webhook and as input', async () => {
    const passed: string[] = []
    for (const { id, url } of cases.filter(({ expect: wanted }) => ['block', 'reject'].includes(wanted))) {
      const { statuses, codes } = await answers(url)
      // What is no http URL at all is not fetched as an input: the vendor judges it.
      const isUrl = /^https?:/i.test(url.trim())
      if (statuses[0] !== 400 || (isUrl && statuses[1] !== 400)) passed.push(`${id} ${url} ${statuses}`)
      if (!/^(blocked_url|invalid_url|invalid_request)$/.test(codes[0] ?? '')) passed.push(`${id} ${codes}`)
    }
    expect(passed).toEqual([])
  })

  test('are taken where they must stay reachable, and inside the range of the operator', async () => {
    const refused: string[] = []
    const allowed = cases.filter(({ expect: wanted }) => ['allow', 'allowhost', 'note'].includes(wanted))
    for (const { id, url } of [...allowed, { id: 'operator', url: 'http://10.20.30.40:9000/hook' }]) {
      const { statuses } = await answers(url)
      if (statuses.join() !== '202,202') refused.push(`${id} ${url} ${statuses}`)
    }
    expect(refused).toEqual([])
  })
})
