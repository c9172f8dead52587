import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { signWebhook, webhookKey } from '@genqueue/contract'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { freePort } from '../scripts/free-port.ts'
import { ADMIN_KEY, type House, openHouse } from './house.ts'

const EXAMPLES = fileURLToPath(new URL('../examples/', import.meta.url))
const IMAGE = fileURLToPath(new URL('../packages/simulator/media/output.png', import.meta.url))
const ID = /job_[0-9A-Z]{26}/
const RECEIVERS = [
  'webhook-receiver.ts',
  'webhook-receiver-hono.ts',
  'webhook-receiver-express.ts',
  'webhook-receiver-fastify.ts',
  'webhook-receiver-next.ts',
]
const RouteHandler = z.object({
  POST: z.custom<(request: Request) => Promise<Response>>((value) => typeof value === 'function'),
})

let house: House
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'genqueue-examples-'))
  // The examples follow the URLs in what they are answered, so those must lead to this API.
  const port = await freePort()
  house = await openHouse({ env: { PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}` } })
})
afterAll(async () => {
  house.assertHonest({ creates: { 'The camera moves slowly towards the subject': 2 } })
  await house.close()
  await rm(folder, { recursive: true, force: true })
})

function start(
  example: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
  onEnd: (stop: () => Promise<void>) => void = onTestFinished,
): ChildProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(EXAMPLES, example), ...args], {
    cwd: folder,
    env: { ...process.env, GENQUEUE_URL: house.api.url, GENQUEUE_API_KEY: ADMIN_KEY, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  })
  return child
}

/** What the example printed; fails with what it complained of. */
async function run(...parameters: Parameters<typeof start>): Promise<string> {
  const child = start(...parameters)
  if (!child.stdout || !child.stderr) throw new Error('the example has no pipes')
  const [out, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  expect(errors).toBe('')
  expect(code).toBe(0)
  return out
}

type Receiver = { url: string; printed: () => string }

/** A receiver that listens; `printed` is all that it has said so far. */
async function startReceiver(example: string, onEnd: (stop: () => Promise<void>) => void): Promise<Receiver> {
  const child = start(example, [], { WEBHOOK_SECRET: house.secret, PORT: '0' }, onEnd)
  let out = ''
  child.stdout?.on('data', (chunk) => {
    out += chunk
  })
  await vi.waitFor(() => expect(out).toMatch(/port: \d+/), { timeout: 10_000, interval: 20 })
  const [, port] = /port: (\d+)/.exec(out) ?? []
  return { url: `http://127.0.0.1:${port}/hook`, printed: () => out }
}

/** The route handler of Next.js, called as Next calls it. */
async function startRouteHandler(onEnd: (stop: () => Promise<void>) => void): Promise<Receiver> {
  let out = ''
  vi.stubEnv('WEBHOOK_SECRET', house.secret)
  const { POST } = RouteHandler.parse(await import(pathToFileURL(join(EXAMPLES, 'webhook-receiver-next.ts')).href))
  const log = vi.spyOn(console, 'log').mockImplementation((line) => {
    out += `${line}\n`
  })
  const server = createServer(async (request, response) => {
    const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    const init = { method: 'POST', headers, body: await text(request) }
    const { status } = await POST(new Request('http://127.0.0.1/webhooks/genqueue', init))
    response.writeHead(status).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(async () => {
    log.mockRestore()
    vi.unstubAllEnvs()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server listens on no TCP port')
  return { url: `http://127.0.0.1:${address.port}/hook`, printed: () => out }
}

test('openai-video.ts makes a video and leaves the vendor’s bytes in video.mp4', async () => {
  const out = await run('openai-video.ts')
  const [id = ''] = ID.exec(out) ?? []
  const job = await house.get(id)
  expect(job).toMatchObject({ status: 'succeeded', operation: 'text_to_video', model: 'gen4.5' })
  const expected = house.simulator.runway.expectedOutput(job.task_id ?? '')
  const file = await readFile(join(folder, 'video.mp4'))
  expect(createHash('sha256').update(file).digest('hex')).toBe(expected.sha256)
})

test('native-job.ts waits for a picture and proves its hash', async () => {
  const out = await run('native-job.ts')
  const job = await house.get(ID.exec(out)?.[0] ?? '')
  expect(job).toMatchObject({ status: 'succeeded', kind: 'image' })
  expect(out).toContain(`${job.outputs[0]?.bytes} bytes of image/png, as stored`)
})

test('image-to-video.ts sends the file once, however often it is started', async () => {
  const receiver = await startReceiver('webhook-receiver.ts', onTestFinished)
  const env = { WEBHOOK_URL: receiver.url, ORDER_ID: 'order-42' }
  const [id = ''] = ID.exec(await run('image-to-video.ts', [IMAGE], env)) ?? []
  expect(ID.exec(await run('image-to-video.ts', [IMAGE], env))?.[0], 'the same idempotency key').toBe(id)

  await expect.poll(receiver.printed, { timeout: 15_000, interval: 20 }).toContain(`video.completed ${id}`)
  const job = await house.get(id)
  expect(job).toMatchObject({ operation: 'image_to_video', metadata: { campaign: 'spring' } })
  const task = house.simulator.runway.tasks().find(({ taskId }) => taskId === job.task_id)
  const image = (await readFile(IMAGE)).toString('base64')
  expect(task?.body).toMatchObject({ promptImage: `data:image/png;base64,${image}` })
})

describe('receivers', () => {
  const stops: (() => Promise<void>)[] = []
  const started = new Map<string, Receiver>()
  beforeAll(async () => {
    const onEnd = (stop: () => Promise<void>) => void stops.push(stop)
    const startOne = async (example: string) => {
      const isProgram = example !== 'webhook-receiver-next.ts'
      started.set(example, await (isProgram ? startReceiver(example, onEnd) : startRouteHandler(onEnd)))
    }
    await Promise.all(RECEIVERS.map(startOne))
  })
  afterAll(async () => {
    await Promise.all(stops.map((stop) => stop()))
  })

  test.each(RECEIVERS)('%s takes a delivery of the house once, and a forged one never', async (example) => {
    const receiver = started.get(example)
    if (!receiver) throw new Error('it was not started')
    const { id } = await house.post({ prompt: example, webhook_url: receiver.url })
    await expect.poll(receiver.printed, { timeout: 15_000, interval: 20 }).toContain(`video.completed ${id}`)

    const body = JSON.stringify({ type: 'video.failed', data: { id: 'job_1', prompt: 'ä' } })
    const keys = [webhookKey(house.secret)]
    const signed = signWebhook({ id: 'msg_1', timestampSeconds: Math.floor(Date.now() / 1000), body, keys })
    const send = (headers: Record<string, string>, sent = body) =>
      fetch(receiver.url, { method: 'POST', body: sent, headers: { 'content-type': 'application/json', ...headers } })
    expect((await send(signed)).status).toBe(204)
    expect((await send(signed)).status, 'a repeat is taken, too').toBe(204)
    expect((await send(signed, `${body} `)).status, 'another body').toBe(400)
    expect((await send({ ...signed, 'webhook-signature': 'v1,AAAA' })).status).toBe(400)
    expect((await send({})).status, 'nothing signed').toBe(400)
    await expect.poll(receiver.printed).toContain('video.failed job_1')
    expect(receiver.printed().match(/video.failed job_1/g), 'the work was done once').toHaveLength(1)
  })
})
