import { Secret } from '@genqueue/contract'
import { createKeys, Jobs, type NewJob, type Queues, Submissions } from '@genqueue/jobs'
import { Redis } from 'ioredis'
import type { Stand } from './stand.ts'

export const VENDOR_KEY = 'key_bench_0123456789'
const AT_ONCE = 500
const LATER_MS = 3_600_000
const PROVIDER_KEY_ID = new Secret(VENDOR_KEY).fingerprint
/** Nobody is to submit these again. */
const NO_QUEUES: Queues = { async send() {}, async scheduleReconcile() {}, async close() {} }

/** A job as callers send them; the prompt names it to the outside world. */
export function benchJob(prompt: string, webhookUrl?: string): NewJob {
  return {
    team: 'default',
    provider: 'runway',
    operation: 'text_to_image',
    model: 'gen4_image',
    kind: 'video',
    door: 'jobs',
    request: {
      body: { model: 'gen4_image', promptText: prompt, ratio: '1280:720' },
      display: { prompt },
      metadata: { customer: 'c_1029' },
      ...(webhookUrl !== undefined && { webhookUrl }),
      onSubmissionUnknown: 'fail',
      deadlines: { queueMs: 86_400_000, throttledMs: 43_200_000, runningMs: 3_600_000 },
      retentionMs: 86_400_000,
      inputs: [],
    },
  }
}

export type InFlight = { jobId: string; taskId: string }

/**
 * Puts tasks in flight as if a worker had submitted them `ageMs` ago. They fall due evenly over `spreadMs` from the
 * moment this resolves. The first `sampled` have task ids that the vendor stub writes down every look at.
 */
export async function fillInFlight(
  { url, redis }: Stand,
  { count, ageMs, spreadMs, sampled = 0 }: { count: number; ageMs: number; spreadMs: number; sampled?: number },
): Promise<InFlight[]> {
  const keys = createKeys()
  const own = new Redis(url)
  const now = () => Date.now() - ageMs
  const jobs = new Jobs({ redis: own, queues: NO_QUEUES, keys, publicUrl: 'https://queue.example', now })
  const reconcileAfter = { submitMs: LATER_MS, pollMs: LATER_MS, copyMs: LATER_MS }
  const submissions = new Submissions({ redis: own, keys, reconcileAfter, now })
  const submit = async (index: number): Promise<InFlight> => {
    const taskId = index < sampled ? `s-${index}` : `t-${index}`
    const accepted = await jobs.accept(benchJob(taskId))
    if (accepted.kind !== 'created') throw new Error('the job was there before')
    const begun = await submissions.begin(accepted.job, PROVIDER_KEY_ID)
    if (begun.kind !== 'begun') throw new Error(`the job is ${begun.kind}`)
    const answer = { fence: begun.fence, providerKeyId: PROVIDER_KEY_ID, taskId, firstLookMs: LATER_MS }
    await submissions.accepted(accepted.job, answer)
    return { jobId: accepted.job.id, taskId }
  }
  const filled: InFlight[] = []
  for (let from = 0; from < count; from += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) => submit(from + index))
    filled.push(...(await Promise.all(batch)))
  }
  const startMs = Date.now() + 100
  const due = filled.map(({ jobId }) => [startMs + Math.floor(Math.random() * spreadMs), jobId] as const)
  for (let from = 0; from < count; from += 5_000) {
    await redis.zadd(keys.due('runway'), ...due.slice(from, from + 5_000).flat())
  }
  own.disconnect()
  return filled
}
