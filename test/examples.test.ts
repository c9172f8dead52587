import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../scripts/free-port.ts'
import { ADMIN_KEY, type House, openHouse } from './house.ts'

const EXAMPLES = fileURLToPath(new URL('../examples/', import.meta.url))
const IMAGE = fileURLToPath(new URL('../packages/simulator/media/output.png', import.meta.url))
const ID = /job_[0-9A-Z]{26}/

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

function start(example: string, args: readonly string[] = [], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(EXAMPLES, example), ...args], {
    cwd: folder,
    env: { ...process.env, GENQUEUE_URL: house.api.url, GENQUEUE_API_KEY: ADMIN_KEY, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(async () => {
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

/** A receiver that listens; `printed` is all that it has said so far. */
async function startReceiver(example: string) {
  const child = start(example, [], { WEBHOOK_SECRET: house.secret, PORT: '0' })
  let out = ''
  child.stdout?.on('data', (chunk) => {
    out += chunk
  })
  await expect.poll(() => out, { timeout: 10_000, interval: 20 }).toMatch(/port: \d+/)
  const [, port] = /port: (\d+)/.exec(out) ?? []
  return { url: `http://127.0.0.1:${port}/hook`, printed: () => out }
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

test.each(['webhook-receiver.ts', 'webhook-receiver-hono.ts'])(
  'image-to-video.ts sends the file once, and %s takes its verified webhook and nothing else',
  async (example) => {
    const receiver = await startReceiver(example)
    const env = { WEBHOOK_URL: receiver.url, ORDER_ID: `order of ${example}`.replaceAll(' ', '-') }
    const [id = ''] = ID.exec(await run('image-to-video.ts', [IMAGE], env)) ?? []
    expect(ID.exec(await run('image-to-video.ts', [IMAGE], env))?.[0], 'the same idempotency key').toBe(id)

    await expect.poll(receiver.printed, { timeout: 15_000, interval: 20 }).toContain(`video.completed ${id}`)
    const job = await house.get(id)
    expect(job).toMatchObject({ operation: 'image_to_video', metadata: { campaign: 'spring' } })
    const task = house.simulator.runway.tasks().find(({ taskId }) => taskId === job.task_id)
    const image = (await readFile(IMAGE)).toString('base64')
    expect(task?.body).toMatchObject({ promptImage: `data:image/png;base64,${image}` })

    const forged = { 'webhook-id': 'msg_1', 'webhook-timestamp': '1', 'webhook-signature': 'v1,AAAA' }
    expect((await fetch(receiver.url, { method: 'POST', body: '{}', headers: forged })).status).toBe(400)
  },
)
