import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenApi, openApi, VIDEO } from './api-fixture.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

let house: OpenApi
beforeAll(async () => {
  house = await openApi()
})
afterAll(() => house.close())

/** The program as users start it: in development, without any key. */
async function start(env: Record<string, string> = {}) {
  const { PATH = '' } = process.env
  const given = { PATH, REDIS_URL: house.server.url, STORAGE_URL: house.config.storageUrl, PORT: '0', ...env }
  const child = spawn(process.execPath, [MAIN], { env: given, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const exited = once(child, 'exit').then(([code]) => code as number | null) // what node passes
  await expect.poll(() => output.includes('"listening"') || child.exitCode !== null, { timeout: 10_000 }).toBe(true)
  const [, url = ''] = /"url":"([^"]+)"/.exec(output) ?? []
  return { child, exited, url, output: () => output }
}

test('every curl line of the pages works without a key', async () => {
  const { child, exited, url, output } = await start()
  // What curl makes of its arguments; a bare machine has no curl.
  const curl = async (...args: string[]) => {
    const option = (name: string) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined)
    const [header = '', value = ''] = option('-H')?.split(': ') ?? []
    const data = option('-d')
    const response = await fetch(
      (args.find((arg) => arg.startsWith('http')) ?? '').replace('http://localhost:8080', url),
      {
        method: option('-X') ?? 'GET',
        headers: { 'user-agent': 'curl/8.5.0', accept: '*/*', ...(header && { [header]: value }) },
        ...(data !== undefined && { body: data }),
      },
    )
    return response.text()
  }
  const body = `{
"model": "runway/gen4_turbo",
"prompt": "A cinematic drone shot over mountains at golden hour",
"seconds": "5",
"size": "1280x720"
}`
  const json = 'Content-Type: application/json'
  const made = await curl('-X', 'POST', 'http://localhost:8080/v1/videos', '-H', json, '-d', body)
  const { id } = JSON.parse(made) as { id: string } // compared below
  expect(JSON.parse(await curl(`http://localhost:8080/v1/videos/${id}`))).toMatchObject({ id, status: 'queued' })

  expect(JSON.parse(await curl(`http://localhost:8080/v1/videos/${id}/content`))).toMatchObject({
    error: { code: 'not_ready' },
  })
  expect(JSON.parse(await curl('-X', 'DELETE', `http://localhost:8080/v1/videos/${id}`))).toMatchObject({
    id,
    deleted: true,
  })
  child.kill('SIGTERM')
  expect(await exited).toBe(0)
  expect(output()).not.toContain('golden hour')
})

test('SIGTERM lets open requests finish, takes no new ones and exits 0', async () => {
  const { child, exited, url } = await start()
  await house.redis.config('RESETSTAT')
  const waiting = fetch(`${url}/v1/jobs`, {
    method: 'POST',
    body: JSON.stringify({
      provider: 'runway',
      operation: 'text_to_video',
      input: { model: 'gen4.5', promptText: 'x' },
    }),
    headers: { 'content-type': 'application/json', prefer: 'wait=60' },
  })
  await expect.poll(() => house.redis.info('commandstats')).toMatch(/cmdstat_hgetall:calls=\d/)
  child.kill('SIGTERM')
  expect((await waiting).status).toBe(202)
  expect(await exited).toBe(0)
  await expect(fetch(`${url}/livez`)).rejects.toThrow()
})

test('a second signal does not wait', async () => {
  const { child, exited, url } = await start({ SHUTDOWN_GRACE_SECONDS: '60' })
  const upload = new AbortController()
  const stuck = fetch(`${url}/v1/videos`, {
    method: 'POST',
    body: new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{"model":')) }),
    duplex: 'half',
    headers: { 'content-type': 'application/json' },
    signal: upload.signal,
  } as RequestInit).catch(() => undefined) // `duplex` is not in the type, but undici asks for it
  await expect.poll(() => fetch(`${url}/livez`).then(({ status }) => status)).toBe(200)
  child.kill('SIGTERM')
  await expect
    .poll(() =>
      fetch(`${url}/livez`).then(
        () => true,
        () => false,
      ),
    )
    .toBe(false)
  expect(child.exitCode).toBeNull()
  child.kill('SIGTERM')
  expect(await exited).toBe(1)
  upload.abort()
  await stuck
})

test('a bad environment stops the start with one message that names it', async () => {
  const { exited, output } = await start({ REDIS_URL: 'nowhere', NODE_ENV: 'production' })
  expect(await exited).toBe(1)
  expect(output()).toContain('REDIS_URL')
  expect(output()).not.toContain('    at ')
})

test('a port that is taken stops the start with a line that says so', async () => {
  const { exited, output } = await start({ PORT: new URL(house.url).port })
  expect(await exited).toBe(1)
  expect(output()).toContain('EADDRINUSE')
})

test('the log never shows a key or a word of a request', async () => {
  const canary = 'canary-key-canary-key-canary'
  const { child, exited, url, output } = await start({ ADMIN_API_KEY: canary })
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${canary}` }
  await fetch(`${url}/v1/videos?x=${canary}`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ ...VIDEO, prompt: canary }),
  })
  child.kill('SIGTERM')
  expect(await exited).toBe(0)
  expect(output()).toContain('POST /v1/videos')
  expect(output()).not.toContain('canary')
})
