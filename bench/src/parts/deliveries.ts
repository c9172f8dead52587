import { setTimeout as delay } from 'node:timers/promises'
import { createKeys, Jobs, type Queues } from '@genqueue/jobs'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { Arrivals, openJobs } from '../arrivals.ts'
import type { Child } from '../child.ts'
import type { Context } from '../context.ts'
import { benchJob } from '../fill-in-flight.ts'
import { microseconds, quantile, type Row, thousands } from '../row.ts'
import { type Scope, scoped } from '../scope.ts'
import { measure, type Stand } from '../stand.ts'
import { startVendor } from '../vendor.ts'
import { startWorker } from '../worker.ts'

const NO_VENDOR = 'http://127.0.0.1:9'
const NO_QUEUES: Queues = { async send() {}, async scheduleReconcile() {}, async close() {} }
const AT_ONCE = 200
const SPEED = 10
const PER_SECOND = 200
const PENDING = 10_000
const GIVE_UP_AFTER_MS = 60_000

/** Webhooks to receivers that take them at once: what they cost, how soon they come, and what waiting ones hold. */
export async function deliveries({ isQuick, say }: Context): Promise<Row[]> {
  const count = isQuick ? 6_000 : 20_000
  say(`deliveries: ${thousands(count)} to one receiver and to eight`)
  const rows = [await throughput(1, count), await throughput(8, count)]
  say(`deliveries: ${PER_SECOND} ends of jobs a second`)
  rows.push(await latency(isQuick ? 5 : 15))
  say(`deliveries: ${thousands(PENDING)} that wait`)
  rows.push(await waiting(isQuick ? 3_000 : 10_000))
  return rows
}

function throughput(receivers: number, count: number): Promise<Row> {
  return scoped(async (scope) => {
    const stand = await scope.stand()
    const receiver = await startReceivers(scope, receivers)
    await endJobs(stand, count, receiver.urls)
    const worker = await startWorker(scope, stand, { vendorUrl: NO_VENDOR })
    // The compiler is at work, and windows open, in the first fifth.
    await until(async () => (await receiver.taken()) >= count / 5)
    const before = await receiver.taken()
    const cost = await measure(worker, stand, () => until(async () => (await receiver.taken()) >= count * 0.9))
    const done = (await receiver.taken()) - before
    const perSecond = done / cost.seconds
    const values = { perSecond, nodeUs: cost.nodeUs / done, redisUs: cost.redisUs / done }
    const each = `${microseconds(values.nodeUs)} + ${microseconds(values.redisUs)} µs each`
    return {
      part: 'deliveries',
      what: receivers === 1 ? 'one fast receiver' : `${receivers} fast receivers`,
      goal: '≥ 1,500/s a core',
      measured: `${thousands(perSecond)}/s, ${each}, ${(cost.commands / done).toFixed(1)} commands`,
      ok: perSecond >= 1_500,
      values,
    }
  })
}

/** Whole jobs at a steady rate: from what the job says about its end to the request's arrival. */
function latency(seconds: number): Promise<Row> {
  return scoped(async (scope) => {
    const stand = await scope.stand()
    const receiver = await startReceivers(scope, 4)
    const vendor = await startVendor(scope, { succeedsAtLook: 1 })
    const script = 'bench/src/targets/worker.ts'
    const env = { SUBMIT_CONCURRENCY: '64', COPY_CONCURRENCY: '64' }
    const worker = await startWorker(scope, stand, { vendorUrl: vendor.url, speed: SPEED, script, env })
    const intakes = receiver.urls.map((url) => openJobs(stand, url))
    let turn = 0
    const add = (prompt: string) => {
      turn += 1
      const intake = intakes[turn % intakes.length]
      if (!intake) throw new Error('there is no receiver')
      return intake.add(prompt)
    }
    const close = async () => void (await Promise.all(intakes.map((intake) => intake.close())))
    scope.onEnd(close)
    const arrivals = new Arrivals({ add, close }, { prompt: (n) => `t-${n}` })
    scope.onEnd(async () => arrivals.stop())
    arrivals.perSecond = PER_SECOND
    await delay(3_000)
    await receiver.lags()
    await delay(seconds * 1000)
    const lags = await receiver.lags()
    if (arrivals.sent === 0 || lags.length === 0) throw new Error(`no webhook came:\n${worker.logTail}`)
    const [p50, p99] = [quantile(lags, 0.5), quantile(lags, 0.99)]
    return {
      part: 'deliveries',
      what: `from the end of a job to its webhook, ${PER_SECOND} jobs/s`,
      goal: 'p99 ≤ 250 ms',
      measured: `p50 ${p50.toFixed(0)}, p99 ${p99.toFixed(0)} ms (${thousands(lags.length / seconds)}/s)`,
      ok: p99 <= 250,
      values: { p50, p99, perSecond: lags.length / seconds },
    }
  })
}

/** The memory of a worker beside ten thousand webhooks that wait for their next attempt, and beside none. */
async function waiting(settleMs: number): Promise<Row> {
  const rssOf = (count: number) =>
    scoped(async (scope) => {
      const stand = await scope.stand()
      const receiver = await startReceivers(scope, 1)
      await endJobs(stand, count, receiver.urls)
      const keys = createKeys()
      const inAnHour = Date.now() + 3_600_000
      for (const url of receiver.urls) {
        const destination = `host:default:${new URL(url).host}`
        const ids = await stand.redis.zrange(keys.outbox(destination), 0, '-1')
        if (ids.length === 0) continue
        await stand.redis.zadd(keys.outbox(destination), ...ids.flatMap((id) => [inAnHour, id]))
        await stand.redis.zadd(keys.suspects, inAnHour, destination)
      }
      const worker = await startWorker(scope, stand, { vendorUrl: NO_VENDOR })
      await delay(settleMs)
      if ((await receiver.taken()) > 0) throw new Error('a webhook that was to wait was sent')
      const before = await worker.usage()
      await delay(settleMs)
      const after = await worker.usage()
      return { rssMb: after.rssBytes / 2 ** 20, cpu: (after.cpuUs - before.cpuUs) / (settleMs * 1000) }
    })
  const none = await rssOf(0)
  const many = await rssOf(PENDING)
  return {
    part: 'deliveries',
    what: `${thousands(PENDING)} that wait for their next attempt`,
    goal: 'no more memory',
    measured: `RSS ${many.rssMb.toFixed(0)} MB, ${(many.cpu * 100).toFixed(1)} % of a core`,
    ratio: `beside none: ${none.rssMb.toFixed(0)} MB, ${(none.cpu * 100).toFixed(1)} %`,
    ok: many.rssMb - none.rssMb < 20,
    values: { rssMb: many.rssMb, idleRssMb: none.rssMb, cpu: many.cpu },
  }
}

async function startReceivers(scope: Scope, count: number) {
  const child: Child = scope.child({
    script: 'bench/src/targets/webhook-receivers.ts',
    core: 'others',
    env: { RECEIVERS: String(count) },
  })
  return {
    urls: z.array(z.string()).parse(await child.ask('urls')),
    taken: async () => z.number().parse(await child.ask('taken')),
    lags: async () => z.array(z.number()).parse(await child.ask('lags')),
  }
}

/** Jobs that were accepted and canceled: each leaves a webhook to send. */
async function endJobs({ url }: Stand, count: number, urls: readonly string[]): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: null })
  const jobs = new Jobs({ redis, queues: NO_QUEUES, keys: createKeys(), publicUrl: 'https://queue.example' })
  for (let from = 0; from < count; from += AT_ONCE) {
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, count - from) }, async (_, n) => {
        const accepted = await jobs.accept(benchJob(`d-${from + n}`, urls[(from + n) % urls.length]))
        if (accepted.kind === 'created') await jobs.cancel(accepted.job)
      }),
    )
  }
  redis.disconnect()
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + GIVE_UP_AFTER_MS
  while (!(await isTrue())) {
    if (performance.now() > deadlineMs) throw new Error('the worker does not send what is due')
    await delay(20)
  }
}
