import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { ROOT } from '../../../scripts/source-files.ts'
import { onQuestion } from '../probe.ts'

/**
 * The outside world at the least cost: a vendor in Runway's words, its files and a webhook receiver. The prompt of a
 * create becomes the task's id, so that two creates of one job are seen; ids that begin with `s` have the moment of
 * every look at them written down.
 */
const Behaviour = z.object({
  /** The look that says SUCCEEDED; 0: none does. */
  succeedsAtLook: z.number().default(0),
  status: z.enum(['RUNNING', 'THROTTLED']).default('RUNNING'),
  /** On average: a create takes half as long to one and a half times. */
  createMs: z.number().default(0),
  pollMs: z.number().default(0),
})
let behaviour = Behaviour.parse({})

const Create = z.object({ promptText: z.string() })
const creates = new Map<string, number>()
const looks = new Map<string, number>()
let looksAtSampled: Record<string, number[]> = {}
const counts = { creates: 0, duplicates: 0, polls: 0, answeredPolls: 0, files: 0, webhooks: 0 }
const lastAtMs = { create: 0, poll: 0 }
const file = await readFile(join(ROOT, 'packages/simulator/media/output.png'))

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const { method, url = '' } = request
  if (method === 'GET' && url.startsWith('/v1/tasks/')) void look(url.slice('/v1/tasks/'.length), response)
  else if (method === 'POST' && url.startsWith('/v1/')) void create(request, response)
  else if (method === 'POST') receive(request, response)
  else if (method === 'GET') sendFile(response)
  else response.writeHead(204).end()
})

async function create(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { promptText } = Create.parse(JSON.parse(await text(request)))
  const times = (creates.get(promptText) ?? 0) + 1
  creates.set(promptText, times)
  counts.creates += 1
  if (times > 1) counts.duplicates += 1
  lastAtMs.create = Date.now()
  if (behaviour.createMs > 0) await delay(behaviour.createMs * (0.5 + Math.random()))
  answer(response, { id: times === 1 ? promptText : `${promptText}.${times}` })
}

async function look(taskId: string, response: ServerResponse): Promise<void> {
  const times = (looks.get(taskId) ?? 0) + 1
  looks.set(taskId, times)
  counts.polls += 1
  lastAtMs.poll = Date.now()
  if (taskId.startsWith('s')) {
    looksAtSampled[taskId] ??= []
    looksAtSampled[taskId].push(lastAtMs.poll)
  }
  const isDone = times === behaviour.succeedsAtLook
  if (behaviour.pollMs > 0) await delay(behaviour.pollMs)
  counts.answeredPolls += 1
  const createdAt = '2026-11-20T12:00:00.000Z'
  if (isDone) answer(response, { id: taskId, status: 'SUCCEEDED', createdAt, output: [`${origin()}/file.png`] })
  else answer(response, { id: taskId, status: behaviour.status, createdAt, progress: 0.4 })
}

function receive(request: IncomingMessage, response: ServerResponse): void {
  request.resume()
  request.on('end', () => {
    counts.webhooks += 1
    response.writeHead(204).end()
  })
}

function sendFile(response: ServerResponse): void {
  counts.files += 1
  response.writeHead(200, { 'content-type': 'image/png', 'content-length': file.length }).end(file)
}

function answer(response: ServerResponse, value: object): void {
  const body = JSON.stringify(value)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
}

function origin(): string {
  const { port } = server.address() as AddressInfo // a server that listens on TCP
  return `http://127.0.0.1:${port}`
}

await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
onQuestion('url', origin)
onQuestion('behave', (next) => {
  behaviour = Behaviour.parse(next)
})
onQuestion('counts', () => ({ ...counts, lastCreateAtMs: lastAtMs.create, lastPollAtMs: lastAtMs.poll }))
onQuestion('looks', () => looksAtSampled)
onQuestion('forget looks', () => {
  looksAtSampled = {}
})
