import { setTimeout as delay } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { z } from 'zod'
import type { Child } from '../child.ts'
import type { Context } from '../context.ts'
import { fillInFlight } from '../fill-in-flight.ts'
import { microseconds, type Row, thousands } from '../row.ts'
import { type Scope, scoped } from '../scope.ts'
import { measure, type Stand } from '../stand.ts'
import { startWorker } from '../worker.ts'

const INTERVAL_MS = 5_000
const TAKEN_WITHIN_MS = 30_000

type Way = {
  name: string
  fill: (stand: Stand, count: number) => Promise<unknown>
  start: (scope: Scope, stand: Stand) => Child | Promise<Child>
}
type Time = { settleMs: number; seconds: number }
type Cost = { nodeUs: number; redisUs: number; commands: number; pollsPerSecond: number; rssMb: number }

const target =
  (script: string): Way['start'] =>
  (scope, stand) =>
    scope.child({
      script: `bench/src/targets/${script}.ts`,
      core: 'measured',
      env: { REDIS_URL: stand.url, INTERVAL_MS: String(INTERVAL_MS), NODE_ENV: 'production' },
    })
const fillSchedule: Way['fill'] = (stand, count) => fillInFlight(stand, { count, ageMs: 0, spreadMs: INTERVAL_MS })

const OURS: Way = { name: 'PollSchedule: lease and flush', fill: fillSchedule, start: target('poll-schedule') }
const OTHERS: readonly Way[] = [
  {
    name: 'the whole poller, vendor in its process',
    fill: fillSchedule,
    start: (scope, stand) => {
      const options = { vendorUrl: 'http://127.0.0.1:9', script: 'bench/src/targets/worker.ts' }
      return startWorker(scope, stand, { ...options, env: { VENDOR: 'inside' } })
    },
  },
  {
    name: 'BullMQ step job (moveToDelayed)',
    fill: (stand, count) => addJobs(stand, count, true),
    start: target('poll-step'),
  },
  {
    name: 'BullMQ processor that sleeps',
    fill: (stand, count) => addJobs(stand, count, false),
    start: target('poll-sleep'),
  },
]

/** What one look costs without HTTP, beside what BullMQ offers for it. */
export async function poll({ isQuick, say }: Context): Promise<Row[]> {
  const count = 10_000
  const costOf = (way: Way) => {
    say(`poll: ${way.name}, ${thousands(count)} in flight`)
    return runWay(way, count, isQuick ? { settleMs: 2_000, seconds: 3 } : { settleMs: 6_000, seconds: 6 })
  }
  const ours = await costOf(OURS)
  const rows = [
    rowOf(OURS.name, ours, {
      goal: '≤ 20 + 14 µs, ≤ 5 commands',
      ok: ours.nodeUs <= 20 && ours.redisUs <= 14 && ours.commands <= 5,
    }),
  ]
  for (const way of isQuick ? OTHERS.slice(1) : OTHERS) {
    const cost = await costOf(way)
    const ratio = (cost.nodeUs + cost.redisUs) / (ours.nodeUs + ours.redisUs)
    rows.push(rowOf(way.name, cost, { ratio: `${ratio.toFixed(1)}x the schedule` }))
  }
  return rows
}

function runWay({ fill, start, name }: Way, count: number, time: Time): Promise<Cost> {
  return scoped(async (scope) => {
    const stand = await scope.stand()
    await fill(stand, count)
    const child = await start(scope, stand)
    const polls = async () => z.number().parse(await child.ask('polls'))
    await polls()
    await allTaken(stand)
    // The compiler is at work for the first ten thousand looks.
    await delay(time.settleMs)
    const before = await polls()
    const cost = await measure(child, stand, () => delay(time.seconds * 1000))
    const done = (await polls()) - before
    if (done === 0) throw new Error(`${name} looked at nothing:\n${child.logTail}`)
    return {
      nodeUs: cost.nodeUs / done,
      redisUs: cost.redisUs / done,
      commands: cost.commands / done,
      pollsPerSecond: done / cost.seconds,
      rssMb: (await child.usage()).rssBytes / (1024 * 1024),
    }
  })
}

/** Until BullMQ has handed every job to the worker once; there is nothing to wait for without its queue. */
async function allTaken({ redis }: Stand): Promise<void> {
  const deadlineMs = performance.now() + TAKEN_WITHIN_MS
  while ((await redis.llen('bull:poll:wait')) > 0) {
    if (performance.now() > deadlineMs) throw new Error('the worker does not take its jobs')
    await delay(100)
  }
}

async function addJobs({ url }: Stand, count: number, isSpread: boolean): Promise<void> {
  const own = new Redis(url, { maxRetriesPerRequest: null })
  const queue = new Queue('poll', { connection: own, skipVersionCheck: true })
  for (let from = 0; from < count; from += 1_000) {
    const batch = Array.from({ length: Math.min(1_000, count - from) }, () => ({
      name: 'poll',
      data: { polls: 0, body: { model: 'gen4_image', promptText: 'a lake', ratio: '1280:720' } },
      opts: isSpread ? { delay: Math.ceil(2_000 + Math.random() * INTERVAL_MS) } : {},
    }))
    await queue.addBulk(batch)
  }
  await queue.close()
  own.disconnect()
}

function rowOf(name: string, cost: Cost, rest: Pick<Row, 'goal' | 'ok' | 'ratio'>): Row {
  const { nodeUs, redisUs, commands, pollsPerSecond, rssMb } = cost
  const each = `${microseconds(nodeUs)} + ${microseconds(redisUs)} µs, ${commands.toFixed(1)} commands`
  const measured = `${each} (${thousands(pollsPerSecond)} polls/s, RSS ${rssMb.toFixed(0)} MB)`
  return { part: 'poll', what: name, measured, ...rest, values: { ...cost } }
}
