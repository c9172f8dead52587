import { setTimeout as delay } from 'node:timers/promises'
import type { Child } from '../child.ts'
import type { Context } from '../context.ts'
import { fillInFlight } from '../fill-in-flight.ts'
import { PollLag } from '../poll-lag.ts'
import { microseconds, type Row, thousands } from '../row.ts'
import { scoped } from '../scope.ts'
import { measure } from '../stand.ts'
import { startVendor } from '../vendor.ts'
import { startWorker } from '../worker.ts'

const SAMPLED = 1_000
const MB = 1024 * 1024

type Level = {
  count: number
  /** How long the tasks have been with the vendor; the poller looks less often at old ones. */
  ageMs: number
  status: 'RUNNING' | 'THROTTLED'
  spreadMs: number
  /** Until the compiler is done and the heap has its size. */
  settleMs: number
  seconds: number
}

/** Tasks in flight at a vendor over HTTP: how late looks are, what each costs and whether memory grows with them. */
export async function inflight(context: Context): Promise<Row[]> {
  const { isQuick } = context
  const small: Level = {
    count: 10_000,
    ageMs: 0,
    status: 'RUNNING',
    spreadMs: 5_500,
    settleMs: isQuick ? 3_000 : 10_000,
    seconds: isQuick ? 5 : 10,
  }
  // Held back for four and a half minutes: looked at about every 25 s, which makes 4,000 looks a second.
  const large: Level = {
    count: 100_000,
    ageMs: 260_000,
    status: 'THROTTLED',
    spreadMs: 25_000,
    settleMs: 12_000,
    seconds: 18,
  }
  const rows: Row[] = []
  for (const level of isQuick ? [small] : [small, large]) rows.push(await runLevel(level, context))
  return rows
}

function runLevel({ count, ageMs, status, spreadMs, settleMs, seconds }: Level, { say }: Context): Promise<Row> {
  return scoped(async (scope) => {
    say(`inflight: putting ${thousands(count)} tasks in flight`)
    const stand = await scope.stand()
    const vendor = await startVendor(scope, { status })
    const filled = await fillInFlight(stand, { count, ageMs, spreadMs, sampled: SAMPLED })
    const lag = new PollLag(stand.redis)
    scope.onEnd(async () => lag.stop())
    for (const { jobId, taskId } of filled.slice(0, SAMPLED)) lag.add(jobId, taskId)
    const worker = await startWorker(scope, stand, { vendorUrl: vendor.url })
    say(`inflight: looking at them for ${seconds} s`)
    await delay(settleMs)
    const fromMs = Date.now()
    const before = await vendor.counts()
    const cost = await measure(worker, stand, () => watchMemory(worker, seconds))
    const after = await vendor.counts()
    const polls = after.polls - before.polls
    if (polls === 0) throw new Error(`the worker looked at nothing:\n${worker.logTail}`)
    const { p50, p99, count: lookCount } = lag.lags(await vendor.looks(), fromMs, Date.now())
    const nodeUs = cost.nodeUs / polls
    const redisUs = cost.redisUs / polls
    const pollsPerSecond = polls / cost.seconds
    const { startMb, endMb, maxMb } = cost.value
    const isFlat = endMb - startMb < 0.15 * startMb
    const seen = `${thousands(pollsPerSecond)} polls/s, lag p50 ${p50.toFixed(0)} p99 ${p99.toFixed(0)} ms`
    const memory = `RSS ${startMb.toFixed(0)} → ${endMb.toFixed(0)} MB (max ${maxMb.toFixed(0)})`
    return {
      part: 'inflight',
      what: `${thousands(count)} tasks in flight over HTTP`,
      goal: 'lag p99 ≤ 100 ms, RSS ≤ 200 MB, flat',
      measured: `${seen}, ${memory}, ${microseconds(nodeUs)} + ${microseconds(redisUs)} µs/poll`,
      ok: p99 <= 100 && maxMb <= 200 && isFlat,
      values: {
        count,
        nodeUs,
        redisUs,
        pollsPerSecond,
        lagP50Ms: p50,
        lagP99Ms: p99,
        lookCount,
        startMb,
        endMb,
        maxMb,
      },
    }
  })
}

async function watchMemory(worker: Child, seconds: number) {
  const readMb = async () => (await worker.usage()).rssBytes / MB
  const startMb = await readMb()
  let endMb = startMb
  let maxMb = startMb
  for (let second = 0; second < seconds; second += 1) {
    await delay(1_000)
    endMb = await readMb()
    maxMb = Math.max(maxMb, endMb)
  }
  return { startMb, endMb, maxMb }
}
