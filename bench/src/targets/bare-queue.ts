import { CreateJobRequest } from '@genqueue/contract'
import { serve } from '@hono/node-server'
import { Queue } from 'bullmq'
import { Hono } from 'hono'
import { Redis } from 'ioredis'
import { onQuestion } from '../probe.ts'

/** The least that could be called a job API: parse, validate, `Queue.add`. No keys, idempotency, record or list. */
const redis = new Redis(process.env.REDIS_URL ?? '', { maxRetriesPerRequest: null })
const queue = new Queue('bare', { connection: redis, skipVersionCheck: true })
const app = new Hono()
app.post('/v1/jobs', async (c) => {
  const parsed = CreateJobRequest.safeParse(await c.req.json())
  if (!parsed.success) return c.json({ error: 'invalid' }, 400)
  const { id } = await queue.add('job', parsed.data, { removeOnComplete: true })
  return c.json({ id }, 202)
})
const port = new Promise<number>((resolve) => {
  serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, (address) => resolve(address.port))
})
onQuestion('port', () => port)
