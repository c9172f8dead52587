import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ImagesResponse, JobResource } from '@genqueue/contract'
import { Webhook } from 'standardwebhooks'
import { type LocalHouse, openLocalHouse } from './local-house.ts'

/** Six times as fast as the real vendor: its 5 s between looks pass in less than one. */
const SPEED = 6
const SIMULATED_WITHIN_MS = 60_000
const REAL_WITHIN_MS = 30 * 60_000

const startedAt = performance.now()
const say = (text: string) =>
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${text}`)

/** The main job, shown: POST a video, see it through, find the file proven and the webhook verified. */
async function main(house: LocalHouse): Promise<void> {
  for (const [part, what] of Object.entries(house.parts)) say(`${part.padEnd(8)} ${what}`)
  const receiver = await openReceiver(house.webhookSecret)
  try {
    // The simulated account runs one generation at a time; an earlier one makes ours wait, as a busy account would.
    if (house.simulator) await postVideo(house, 'An earlier video that keeps the account busy')
    const id = await postVideo(house, 'A cinematic drone shot over mountains at golden hour', receiver.url)
    say(`POST     /v1/videos accepted: ${id}`)
    const job = await watch(house, id)
    if (job.status !== 'succeeded') throw new Error(`the job ${job.status}: ${JSON.stringify(job.error)}`)
    await proveFile(house, job)
    const event = await Promise.race([receiver.verified(id), house.broken])
    say(`webhook  ${event.type} came, and the standardwebhooks library verifies its signature`)
    if (house.simulator) await showImage(house, house.simulator)
  } finally {
    receiver.close()
  }
}

async function postVideo({ apiUrl, apiKey }: LocalHouse, prompt: string, webhookUrl?: string): Promise<string> {
  const response = await fetch(`${apiUrl}/v1/videos`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({
      model: 'runway/gen4.5',
      prompt,
      seconds: '2',
      size: '1280x720',
      ...(webhookUrl && { webhook_url: webhookUrl }),
    }),
  })
  const body = await response.json()
  if (!response.ok) throw new Error(`POST /v1/videos answered ${response.status}: ${JSON.stringify(body)}`)
  return String((body as { id: unknown }).id) // the answer of our own API
}

/** Tells every change until the job has ended. */
async function watch(house: LocalHouse, id: string): Promise<JobResource> {
  const deadline = Date.now() + (house.simulator ? SIMULATED_WITHIN_MS : REAL_WITHIN_MS)
  let told = ''
  for (;;) {
    const job = await getJob(house, id)
    const upstream = job.upstream_status ? `, at Runway ${job.upstream_status}` : ''
    const state = `${job.status}${upstream}${job.upstream_status === 'RUNNING' ? ` ${job.progress} %` : ''}`
    if (state !== told) say(`job      ${state}`)
    told = state
    if (job.completed_at !== null) return job
    if (Date.now() > deadline) throw new Error('the job did not end in time')
    await Promise.race([delay(50), house.broken])
  }
}

async function getJob({ apiUrl, apiKey }: LocalHouse, id: string): Promise<JobResource> {
  const response = await fetch(`${apiUrl}/v1/jobs/${id}`, { headers: { authorization: `Bearer ${apiKey}` } })
  return JobResource.parse(await response.json())
}

/** Downloads the file from our own API and compares it with the recorded hash and with what the vendor made. */
async function proveFile(house: LocalHouse, job: JobResource): Promise<void> {
  const [output] = job.outputs
  if (!output) throw new Error('the job has no output')
  const file = await fetch(`${house.apiUrl}/v1/videos/${job.id}/content`, {
    headers: { authorization: `Bearer ${house.apiKey}` },
  })
  const bytes = Buffer.from(await file.arrayBuffer())
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  if (sha256 !== output.sha256) throw new Error(`the file has hash ${sha256}, the record says ${output.sha256}`)
  const made = house.simulator?.runway.expectedOutput(job.task_id ?? '')
  if (made && made.sha256 !== sha256) throw new Error(`the file has hash ${sha256}, the vendor made ${made.sha256}`)
  say(
    `file     ${bytes.length} bytes of ${output.content_type}, SHA-256 ${sha256.slice(0, 16)}…: ${made ? 'what the vendor made, byte for byte' : 'as recorded'}`,
  )
  const { storage } = house.parts
  if (storage?.startsWith('file:')) say(`file     lies in ${fileURLToPath(storage)}`)
}

/** One call that waits, at the other vendor; the image is inside the answer. */
async function showImage({ apiUrl, apiKey }: LocalHouse, { runware }: NonNullable<LocalHouse['simulator']>) {
  const response = await fetch(`${apiUrl}/v1/images/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({
      model: 'runware/runware:101@1',
      prompt: 'A mountain lake at dawn',
      size: '1024x1024',
      response_format: 'b64_json',
    }),
  })
  if (!response.ok) throw new Error(`POST /v1/images/generations answered ${response.status}: ${await response.text()}`)
  const { id, data, cost } = ImagesResponse.parse(await response.json())
  const bytes = Buffer.from(data[0]?.b64_json ?? '', 'base64')
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const [task] = runware.tasks()
  if (!task || runware.expectedOutput(task.taskUUID).sha256 !== sha256) throw new Error('not the image the vendor made')
  say(`image    /v1/images/generations answered with ${id}: ${bytes.length} bytes, what Runware made, byte for byte`)
  say(`image    charged ${cost?.amount} ${cost?.unit}`)
}

/** A receiver as a product team would write it: raw body, stock library, 2xx only when the signature verifies. */
async function openReceiver(secret: string) {
  const events = new Map<string, { type: string }>()
  const webhook = new Webhook(secret)
  const server = createServer((request, response) => {
    buffer(request)
      .then((body) => webhook.verify(body.toString(), request.headers as Record<string, string>)) // it reads three of them
      .then((event) => {
        const { type, data } = event as { type: string; data: { id: string } } // signed by us
        events.set(data.id, { type })
        response.writeHead(204).end()
      })
      .catch(() => response.writeHead(400).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // listening on TCP
  return {
    url: `http://127.0.0.1:${port}/genqueue`,
    async verified(id: string): Promise<{ type: string }> {
      const deadline = Date.now() + 30_000
      for (;;) {
        const event = events.get(id)
        if (event) return event
        if (Date.now() > deadline) throw new Error('no webhook came within 30 s')
        await delay(20)
      }
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

let house: LocalHouse | undefined
try {
  house = await openLocalHouse({ name: 'demo', speed: SPEED, reload: false, simulator: { concurrency: 1 } })
  await main(house)
  say('The demo has succeeded. `npm run dev` leaves the same house running on port 8080.')
} catch (error) {
  console.error(`The demo has failed: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
} finally {
  await house?.stop()
}
