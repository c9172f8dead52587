import { setTimeout as delay } from 'node:timers/promises'
import { createKeys } from '@genqueue/jobs'
import { z } from 'zod'
import { type Api, startApi } from '../api.ts'
import type { Child } from '../child.ts'
import type { Context } from '../context.ts'
import { LoadResult } from '../http-load.ts'
import { quantile, type Row } from '../row.ts'
import { type Scope, scoped } from '../scope.ts'
import type { Stand } from '../stand.ts'
import { startVendor } from '../vendor.ts'
import { startWorker } from '../worker.ts'
import { acceptCost } from './accept-limits.ts'

const KEYS = {
  flood: 'gq_flood_0123456789abcdef01234567',
  single: 'gq_single_0123456789abcdef0123456',
}
type Team = keyof typeof KEYS

/** What a create takes at the vendor; with sixteen at once a worker begins 160 jobs a second. */
const CREATE_MS = 100
/** The team that is measured, one job after the other; and the one that floods, with half of what one process takes. */
const CALLERS = { connections: 1, pauseMs: 40 }
const FLOODERS = { connections: 16, pauseMs: 10 }
/** For warming up: without a pause. */
const AT_FULL_SPEED = { connections: 16 }

type Seen = { jobs: number; acceptP50Ms: number; acceptP99Ms: number; beginP50Ms: number; beginP99Ms: number }
type World = { api: Api; stand: Stand; loads: Record<Team, Child> }

/** One team's jobs while another floods, and what limits add to the cost of an accepted job. */
export async function fairness(context: Context): Promise<Row[]> {
  return [...(await besideAFlood(context)), ...(await acceptCost(context))]
}

function besideAFlood({ isQuick, say }: Context): Promise<Row[]> {
  const flood = isQuick ? 10_000 : 50_000
  const seconds = isQuick ? 5 : 20
  return scoped(async (scope) => {
    const world = await openWorld(scope)
    say('fairness: quiet')
    const quiet = await watch(world, seconds)
    say(`fairness: another team sends ${flood} jobs`)
    const startedMs = performance.now()
    const flooding = sendFlood(world, flood)
    const during = await watch(world, seconds)
    await flooding
    const floodSeconds = (performance.now() - startedMs) / 1000
    say('fairness: they stand in line')
    const before = await inLine(world)
    const after = await watch(world, seconds)
    const left = await inLine(world)
    return [
      rowOf('quiet', quiet),
      rowOf(`while ${flood} of another come in, ${Math.round(flood / floodSeconds)}/s`, during, quiet),
      rowOf(`while they stand in line (${before} → ${left})`, after, quiet, { before, left }),
    ]
  })
}

async function openWorld(scope: Scope): Promise<World> {
  const stand = await scope.stand()
  const vendor = await startVendor(scope)
  const teams = Object.entries(KEYS).map(([team, key]) => `${team}=${key}`)
  const api = await startApi(scope, stand, { API_KEYS: teams.join(',') })
  await startWorker(scope, stand, { vendorUrl: vendor.url })
  const load = () => scope.child({ script: 'bench/src/targets/http-load.ts', core: 'others' })
  const world = { api, stand, loads: { flood: load(), single: load() } }
  // Compiled code on both sides, and no line left: jobs for later never stand in one.
  for (let sent = 0; sent < 15_000; )
    sent += (await send(world, 'flood', { ...AT_FULL_SPEED, isForLater: true })).requests
  await send(world, 'flood', { ...AT_FULL_SPEED, seconds: 0.5 })
  const isIdle = async () => (await stand.redis.exists(createKeys().lanes('submit-runway'))) === 0
  for (const deadlineMs = performance.now() + 30_000; !(await isIdle()); await delay(100)) {
    if (performance.now() > deadlineMs) throw new Error('the worker does not begin its jobs')
  }
  // Held back, tasks are looked at least often: looks are not what is measured.
  await vendor.behave({ createMs: CREATE_MS, status: 'THROTTLED' })
  return world
}

/** Sends jobs of a team; at least half a second. */
async function send(
  { api, loads }: World,
  team: Team,
  { isForLater = false, seconds = 0.5, ...how }: Sending,
): Promise<LoadResult> {
  const job = {
    provider: 'runway',
    operation: 'text_to_image',
    input: { model: 'gen4_image', promptText: `${team}-${Date.now()}-{n}`, ratio: '1280:720' },
    ...(isForLater && { delay_seconds: 36_000 }),
  }
  const result = LoadResult.parse(
    await loads[team].ask('run', {
      ...how,
      port: api.port,
      method: 'POST',
      paths: ['/v1/jobs'],
      headers: { authorization: `Bearer ${KEYS[team]}` },
      body: JSON.stringify(job),
      expect: 202,
      seconds,
    }),
  )
  if (result.unexpected > 0) throw new Error(`${result.unexpected} answers are wrong:\n${result.firstUnexpected}`)
  return result
}
type Sending = { connections: number; pauseMs?: number; seconds?: number; isForLater?: boolean }

async function sendFlood(world: World, count: number): Promise<void> {
  for (let sent = 0; sent < count; ) sent += (await send(world, 'flood', { ...FLOODERS, seconds: 1 })).requests
}

/** Jobs of the team at its own pace: how long each took to be accepted, and from there until its create began. */
async function watch(world: World, seconds: number): Promise<Seen> {
  const { stand } = world
  const { list } = createKeys()
  const before = await stand.redis.zcard(list('single'))
  const { requests, p50Ms, p99Ms } = await send(world, 'single', { ...CALLERS, seconds })
  const ids = await stand.redis.zrange(list('single'), before, '-1')
  const waitedMs = await Promise.all(ids.map((id) => waited(stand, id)))
  return {
    jobs: requests,
    acceptP50Ms: p50Ms,
    acceptP99Ms: p99Ms,
    beginP50Ms: quantile(waitedMs, 0.5),
    beginP99Ms: quantile(waitedMs, 0.99),
  }
}

const Times = z.tuple([z.coerce.number(), z.string()]).transform(([queued, submitting]) => Number(submitting) - queued)

async function waited({ redis }: Stand, id: string): Promise<number> {
  for (let tries = 0; tries < 300; tries += 1) {
    const times = Times.safeParse(await redis.hmget(createKeys().job(id), 'at:queued', 'at:submitting'))
    if (times.success) return times.data
    await delay(100)
  }
  throw new Error(`${id} did not begin within half a minute`)
}

async function inLine({ stand: { redis } }: World): Promise<number> {
  const keys = createKeys()
  const lanes = await redis.smembers(keys.lanes('submit-runway'))
  const lengths = await Promise.all(lanes.map((lane) => redis.zcard(keys.line('submit-runway', lane, 'flood'))))
  return lengths.reduce((sum, length) => sum + length, 0)
}

function rowOf(when: string, seen: Seen, quiet?: Seen, more: Record<string, number> = {}): Row {
  const { jobs, acceptP50Ms, acceptP99Ms, beginP50Ms, beginP99Ms } = seen
  const accepted = `accepted p50 ${acceptP50Ms.toFixed(1)} p99 ${acceptP99Ms.toFixed(1)} ms`
  const row = {
    part: 'fairness',
    what: `jobs of one team, ${when}`,
    measured: `${jobs} jobs: ${accepted}, begun after p50 ${beginP50Ms.toFixed(0)} p99 ${beginP99Ms.toFixed(0)} ms`,
    values: { ...seen, ...more },
  }
  if (quiet === undefined) return row
  const acceptRatio = acceptP99Ms / quiet.acceptP99Ms
  const beginRatio = beginP99Ms / quiet.beginP99Ms
  return {
    ...row,
    goal: 'accept p99 and begin ≤ 2x of quiet',
    ratio: `${acceptRatio.toFixed(2)}x, ${beginRatio.toFixed(2)}x`,
    ok: acceptRatio <= 2 && beginRatio <= 2,
    values: { ...row.values, acceptRatio, beginRatio },
  }
}
