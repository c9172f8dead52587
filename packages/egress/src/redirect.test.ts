import { expect, test } from 'vitest'
import { readCapped } from './body.ts'
import { createCaller, LOOPBACK_POLICY, OPEN_POLICY } from './egress-fixture.ts'
import { OK, startLoopbackServer } from './loopback-server.ts'
import { redirectTarget } from './redirect.ts'

const redirectTo = (location: string) => `HTTP/1.1 302 Found\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`

test('a redirect is handed back, not followed, unless asked for; its body may just be destroyed', async () => {
  await using server = await startLoopbackServer((socket) => socket.write(redirectTo('/next')))
  await using caller = createCaller(LOOPBACK_POLICY)
  const { statusCode, body } = await caller.call(`http://127.0.0.1:${server.port}/`)
  body.destroy()
  expect([statusCode, server.heads.length]).toEqual([302, 1])
})

test('as many redirects as allowed are followed on the same host, and the last URL is reported', async () => {
  await using server = await startLoopbackServer((socket, head) =>
    socket.write(head.startsWith('GET /2') ? OK : redirectTo(head.startsWith('GET /1') ? '/2' : '/1')),
  )
  await using caller = createCaller(LOOPBACK_POLICY)
  const url = `http://127.0.0.1:${server.port}/`
  const { body, url: last } = await caller.call(url, { maxRedirects: 2, headers: { authorization: 'Bearer a' } })
  expect([String(await readCapped(body, 10)), last.pathname]).toEqual(['ok', '/2'])
  expect(server.heads.every((head) => head.includes('authorization: Bearer a'))).toBe(true)
  await expect(caller.call(url, { maxRedirects: 1 })).rejects.toMatchObject({ code: 'redirect' })
})

test('another port of the host does not get the credentials', async () => {
  await using second = await startLoopbackServer((socket) => socket.write(OK))
  await using first = await startLoopbackServer((socket) =>
    socket.write(redirectTo(`http://127.0.0.1:${second.port}/`)),
  )
  await using caller = createCaller(LOOPBACK_POLICY)
  const headers = { authorization: 'Bearer a', 'x-trace': '1' }
  const { body } = await caller.call(`http://127.0.0.1:${first.port}/`, { maxRedirects: 1, headers })
  await readCapped(body, 10)
  expect(second.heads[0]).toContain('x-trace: 1')
  expect(second.heads[0]).not.toContain('authorization')
})

test('a request with a body follows no redirect', async () => {
  await using caller = createCaller(LOOPBACK_POLICY)
  const answer = caller.call('http://127.0.0.1:1/', { method: 'POST', body: '{}', maxRedirects: 1 })
  await expect(answer).rejects.toThrow(TypeError)
})

test.each([
  ['another host', 'https://other.example/', 'redirect'],
  ['a subdomain', 'https://cdn.media.example/', 'redirect'],
  ['plain http', 'http://media.example/', 'redirect'],
  ['a private address', 'https://169.254.169.254/', 'blocked'],
  ['another scheme', 'file:///etc/passwd', 'invalid_url'],
  ['nonsense', 'https://[', 'redirect'],
])('a redirect from https to %s is refused', (_name, location, code) => {
  const from = new URL('https://media.example/a')
  expect(() => redirectTarget(location, from, OPEN_POLICY)).toThrow(expect.objectContaining({ code }))
})
