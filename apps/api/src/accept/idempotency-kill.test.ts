import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ADMIN_KEY, openApi, VIDEO } from '../api-fixture.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

/** A way to Redis that calls `onAccepted` when the script has accepted a job, and keeps that answer to itself. */
async function startProxy(port: number, onAccepted: () => void) {
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    client.on('error', () => upstream.destroy()).pipe(upstream)
    upstream.on('error', () => client.destroy())
    upstream.on('data', (chunk) => {
      if (chunk.includes('created')) onAccepted()
      else client.write(chunk)
    })
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as AddressInfo // listening on TCP
  return { url: `redis://127.0.0.1:${address.port}`, close: () => void server.close() }
}

test('2 an API killed between the script and its answer leaves one job, and its repeat is told which (I1, I6)', async () => {
  const house = await openApi()
  let kill = () => {}
  const proxy = await startProxy(Number(new URL(house.server.url).port), () => kill())
  const env = {
    PATH: process.env.PATH ?? '',
    REDIS_URL: proxy.url,
    STORAGE_URL: house.config.storageUrl,
    KEY_PREFIX: house.config.keyPrefix,
    ADMIN_API_KEY: ADMIN_KEY,
    PORT: '0',
  }
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  kill = () => child.kill('SIGKILL')
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  await expect.poll(() => /"url":"([^"]+)"/.exec(output)?.[1], { timeout: 10_000 }).toBeTruthy()
  const url = /"url":"([^"]+)"/.exec(output)?.[1] ?? ''

  const headers = { 'idempotency-key': 'the-answer-was-lost', 'content-type': 'application/json' }
  const init = { method: 'POST', body: JSON.stringify(VIDEO) }
  const lost = fetch(`${url}/v1/videos`, { ...init, headers: { ...headers, authorization: `Bearer ${ADMIN_KEY}` } })
  await expect(lost).rejects.toThrow()
  expect(await exited).toEqual([null, 'SIGKILL'])
  const [id, ...others] = await house.redis.zrange(house.keys.list('default'), 0, '-1')
  expect(others).toEqual([])

  const repeat = await house.fetch('/v1/videos', { ...init, headers })
  expect([repeat.status, repeat.headers.get('idempotent-replayed')]).toEqual([200, 'true'])
  expect(await repeat.json()).toMatchObject({ id })
  expect(await house.redis.zcard(house.keys.list('default'))).toBe(1)
  proxy.close()
  await house.close()
})
