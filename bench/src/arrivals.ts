import { createKeys, Jobs, openQueues } from '@genqueue/jobs'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { benchJob } from './fill-in-flight.ts'
import type { Stand } from './stand.ts'

const TICK_MS = 5

/** Where jobs go in; `add` resolves with the job's id once it is accepted. */
export type Intake = { add(prompt: string): Promise<string>; close(): Promise<void> }

/** Ours, as the API calls it; `webhookUrl` is told of the end of each. */
export function openJobs({ url }: Stand, webhookUrl?: string): Intake {
  const redis = new Redis(url, { maxRetriesPerRequest: null })
  const keys = createKeys()
  const queues = openQueues(redis, keys)
  const jobs = new Jobs({ redis, queues, keys, publicUrl: 'https://queue.example' })
  return {
    async add(prompt) {
      const accepted = await jobs.accept(benchJob(prompt, webhookUrl))
      if (accepted.kind !== 'created') throw new Error('the job was there before')
      return accepted.job.id
    },
    async close() {
      await queues.close()
      redis.disconnect()
    },
  }
}

export function openBareQueue({ url }: Stand): Intake {
  const redis = new Redis(url, { maxRetriesPerRequest: null })
  const queue = new Queue('job', { connection: redis, skipVersionCheck: true })
  return {
    async add(prompt) {
      const { request } = benchJob(prompt)
      const data = { prompt, polls: 0, request }
      const job = await queue.add('job', data, { removeOnComplete: { age: 3_600 }, removeOnFail: { age: 3_600 } })
      return job.id ?? ''
    },
    async close() {
      await queue.close()
      redis.disconnect()
    },
  }
}

/** Jobs that come in at a steady rate until stopped. */
export class Arrivals {
  #perSecond = 0
  #sent = 0
  #owed = 0
  #lastMs = performance.now()
  #failure: unknown
  readonly #timer: NodeJS.Timeout

  /** `prompt` names the n-th job; `onAccepted` hears of it. */
  constructor(
    intake: Intake,
    { prompt, onAccepted }: { prompt: (n: number) => string; onAccepted?: (jobId: string, prompt: string) => void },
  ) {
    const send = async () => {
      this.#sent += 1
      const text = prompt(this.#sent)
      const id = await intake.add(text)
      onAccepted?.(id, text)
    }
    this.#timer = setInterval(() => {
      const nowMs = performance.now()
      this.#owed += ((nowMs - this.#lastMs) * this.#perSecond) / 1000
      this.#lastMs = nowMs
      for (; this.#owed >= 1; this.#owed -= 1) {
        void send().catch((error: unknown) => {
          this.#failure ??= error
        })
      }
    }, TICK_MS)
  }

  set perSecond(rate: number) {
    this.#perSecond = rate
  }

  get sent(): number {
    if (this.#failure !== undefined) throw this.#failure
    return this.#sent
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
