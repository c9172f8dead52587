import { createHash, createHmac } from 'node:crypto'
import { Agent } from 'undici'
import { z } from 'zod'

const VENDOR_URL = process.env.VENDOR_URL ?? ''
const agent = new Agent({ connections: 256, keepAliveTimeout: 10_000 })
const Created = z.object({ id: z.string() })
const Task = z.object({ status: z.string(), output: z.array(z.string()).optional() })

export const REDIS_URL = process.env.REDIS_URL ?? ''
export const POLL_MS = Number(process.env.POLL_MS ?? 2_000)
export const JobData = z.object({ prompt: z.string(), taskId: z.string().optional(), polls: z.number() })
export type JobData = z.infer<typeof JobData>

/** The steps of a job as anybody would write them: the same requests as ours, without what makes them safe. */
export async function createTask(prompt: string): Promise<string> {
  const body = JSON.stringify({ model: 'gen4_image', promptText: prompt, ratio: '1280:720' })
  const answer = await agent.request({
    origin: VENDOR_URL,
    path: '/v1/text_to_image',
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer key' },
    body,
  })
  return Created.parse(await answer.body.json()).id
}

export async function lookAtTask(taskId: string): Promise<string | undefined> {
  const headers = { authorization: 'Bearer key' }
  const answer = await agent.request({ origin: VENDOR_URL, path: `/v1/tasks/${taskId}`, method: 'GET', headers })
  const task = Task.parse(await answer.body.json())
  return task.status === 'SUCCEEDED' ? task.output?.[0] : undefined
}

/** Reads the file to its end and counts it; where it would be stored is left out, as in ours. */
export async function copyFile(url: string): Promise<string> {
  const { origin, pathname } = new URL(url)
  const answer = await agent.request({ origin, path: pathname, method: 'GET' })
  const sha256 = createHash('sha256')
  for await (const chunk of answer.body) sha256.update(chunk)
  return sha256.digest('hex')
}

export async function callWebhook(id: string, sha256: string): Promise<void> {
  const body = JSON.stringify({ id, type: 'video.completed', data: { id, status: 'succeeded', sha256 } })
  const signature = createHmac('sha256', 'secret').update(body).digest('base64')
  const headers = { 'content-type': 'application/json', 'webhook-signature': `v1,${signature}` }
  const answer = await agent.request({ origin: VENDOR_URL, path: '/hook', method: 'POST', headers, body })
  await answer.body.dump()
}

export function untilNextLookMs(): number {
  return POLL_MS * (1 + 0.2 * Math.random())
}
