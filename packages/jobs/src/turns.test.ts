import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { acceptJob, newJob, type OpenJobs, openJobs } from './jobs-fixture.ts'
import { reconcile } from './reconcile.ts'
import type { JobRecord, RecordIn } from './record.ts'

const QUEUE = 'submit-runway'
const WINDOW = 64

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())
beforeEach(async () => {
  await house.redis.flushall()
})

const accept = (team: string, parts: { lane?: string; priority?: number; queueMs?: number } = {}) => {
  const { lane = 'gen4.5', priority, queueMs = 60_000 } = parts
  const job = newJob({ team, lane })
  const deadlines = { ...job.request.deadlines, queueMs }
  return acceptJob(house, { ...job, request: { ...job.request, deadlines, ...(priority && { priority }) } })
}

async function queued({ id }: JobRecord): Promise<RecordIn<'queued'>> {
  const job = await house.jobs.get(id)
  if (job?.status !== 'queued') throw new Error(`expected a queued job, got ${job?.status}`)
  return job
}

/** Begins the job of whichever message a worker would take next, and gives the next turn. */
async function beginNext(): Promise<JobRecord | undefined> {
  const prefix = `${house.keys.bullmq}:${QUEUE}`
  const [message] = await house.redis.zrange(`${prefix}:prioritized`, 0, '0')
  if (message === undefined) return undefined
  await house.redis.zrem(`${prefix}:prioritized`, message)
  await house.redis.del(`${prefix}:${message}`)
  const job = await house.jobs.get(message.replace(/-queued-\d+$/, '') as JobRecord['id']) // the id it was made of
  if (!job) throw new Error('a message without a job')
  expect((await house.submissions.begin(job, 'key-1')).kind).toBe('begun')
  for (const lane of await house.turns.lanes(QUEUE)) await house.turns.feed(QUEUE, lane)
  return job
}

async function beginAll(): Promise<string[]> {
  const teams: string[] = []
  for (let job = await beginNext(); job; job = await beginNext()) teams.push(job.team)
  return teams
}

const idleKeys = async () => {
  const names = await house.redis.keys(`${house.keys.prefix}:*`)
  return names.filter((name) => /:(line|ring|fed|turns|lanes|slots|users|holders)(:|$)/.test(name))
}

test('a job that finds nobody waiting has its turn at once; beyond the window jobs wait without a message', async () => {
  const jobs = await Promise.all(Array.from({ length: WINDOW + 10 }, () => accept('one')))
  expect(jobs.filter((job) => job.status === 'queued' && job.turn !== undefined)).toHaveLength(WINDOW)
  expect(await house.redis.zcard(`${house.keys.bullmq}:${QUEUE}:prioritized`)).toBe(WINDOW)
  expect(await house.redis.zcard(house.keys.line(QUEUE, 'gen4.5', 'one'))).toBe(10)
  expect((await beginAll()).length).toBe(WINDOW + 10)
  expect(await house.redis.keys(`${house.keys.prefix}:{line,ring,fed,turns,lanes}*`)).toEqual([])
})

test('one job of another team is begun before the rest of a team with hundreds, whose order is that of intake', async () => {
  const flood = await Promise.all(Array.from({ length: 300 }, () => accept('flood')))
  const begun: JobRecord[] = []
  for (let n = 0; n < 100; n += 1) begun.push((await beginNext()) ?? (await accept('nobody')))
  await accept('single')
  for (let job = await beginNext(); job; job = await beginNext()) begun.push(job)
  expect(begun.findIndex(({ team }) => team === 'single')).toBe(100)
  const order = new Map(flood.map(({ id, times }) => [id, times.queued ?? 0]))
  const intake = begun.flatMap(({ id }) => order.get(id) ?? [])
  expect(intake).toEqual(intake.toSorted((a, b) => a - b))
})

test('ten teams with very different lines are served in turn, one after the other', async () => {
  for (let team = 0; team < 10; team += 1) {
    for (let n = 0; n < 10 * (10 - team); n += 1) await accept(`team-${team}`)
  }
  const order = await beginAll()
  // The first window was given to who came first; a turn of each follows in every round.
  const later = order.slice(0, 100)
  for (let team = 0; team < 9; team += 1) {
    const count = later.filter((each) => each === `team-${team}`).length
    expect(count, `begins of team ${team} among the first hundred`).toBeGreaterThanOrEqual(9)
    expect(count).toBeLessThanOrEqual(11)
  }
})

test('a lane that has been busy for long does not wait behind one that has just begun, nor the other way', async () => {
  for (let n = 0; n < 200; n += 1) await accept('old', { lane: 'busy' })
  for (let n = 0; n < 100; n += 1) await beginNext()
  for (let n = 0; n < 100; n += 1) await accept('new', { lane: 'fresh' })
  const order = (await beginAll()).slice(0, 100)
  expect(order.filter((team) => team === 'new').length).toBeGreaterThanOrEqual(45)
  expect(order.filter((team) => team === 'old').length).toBeGreaterThanOrEqual(45)
})

test('within a team priority decides, and a job that gives its turn back keeps its place', async () => {
  for (let n = 0; n < WINDOW; n += 1) await accept('window')
  await accept('team')
  const late = await accept('team', { priority: 5 })
  // Of the same millisecond, the line knows them by their ids.
  const pair = [await accept('team'), await accept('team')].sort((a, b) => (a.id < b.id ? -1 : 1))
  const [first, second] = pair
  if (!first || !second) throw new Error('two were accepted')
  const line = house.keys.line(QUEUE, 'gen4.5', 'team')
  expect(await house.redis.zrange(line, 0, '-1')).toEqual([first.id, second.id, late.id])
  await house.jobs.cancel(await queued(second))
  await beginNext()
  await beginNext()
  const fed = await queued(first)
  expect(fed.turn).toBeDefined()
  await house.turns.giveBack(fed, { waiting: { reason: 'rate_limited' } })
  expect(await house.redis.zrange(line, 0, '-1')).toEqual([first.id, late.id])
  expect(await queued(first)).toMatchObject({ waiting: { reason: 'rate_limited' }, times: first.times })
  // A second time, and for a turn that is over, it changes nothing.
  await house.turns.giveBack(fed, {})
  expect((await house.submissions.begin(fed, 'key-1')).kind).toBe('begun')
})

test('a job that sleeps stands nowhere until its message lines it up again, under another fence', async () => {
  const job = await queued(await accept('sleeper'))
  await house.turns.giveBack(job, { sleepMs: 60_000 })
  expect(await idleKeys()).toEqual([])
  const asleep = await queued(job)
  expect(asleep.turn).toBeUndefined()
  await house.turns.lineUp(asleep)
  await house.turns.lineUp(asleep)
  expect(await queued(job)).toMatchObject({ fence: job.fence + 1, turn: 1 })
  expect((await house.submissions.begin(job, 'key-1')).kind).toBe('nothing')
})

test('the message of a turn is sent again when whoever gave it died before sending it', async () => {
  const job = await queued(await accept('unlucky'))
  const message = `${house.keys.bullmq}:${QUEUE}:${job.id}-queued-${job.fence}`
  await house.redis.del(message)
  await house.redis.zrem(`${house.keys.bullmq}:${QUEUE}:prioritized`, `${job.id}-queued-${job.fence}`)
  await house.turns.feed(QUEUE, 'gen4.5')
  expect(await house.redis.exists(message)).toBe(0)
  await house.redis.zadd(house.keys.fed(QUEUE, 'gen4.5'), 0, job.id)
  await house.turns.feed(QUEUE, 'gen4.5', { free: 0 })
  expect(await house.redis.exists(message)).toBe(1)
  expect((await queued(job)).fence).toBe(job.fence)
})

test('a key takes as many of a lane as its limit says; the slot comes back with whatever ends the task', async () => {
  const jobs = await Promise.all(Array.from({ length: 6 }, () => accept('slots')))
  const begun = await Promise.all(jobs.map((job) => house.submissions.begin(job, 'key-1', 2)))
  expect(begun.filter(({ kind }) => kind === 'begun')).toHaveLength(2)
  expect(begun.filter(({ kind }) => kind === 'full')).toHaveLength(4)
  const slots = house.keys.slots('key-1', 'gen4.5')
  expect(await house.redis.scard(slots)).toBe(2)
  // Another key and another lane have slots of their own.
  const [, , third, fourth] = jobs
  if (!third || !fourth) throw new Error('too few')
  expect((await house.submissions.begin(third, 'key-2', 1)).kind).toBe('begun')
  expect((await house.submissions.begin(await accept('slots', { lane: '*' }), 'key-1', 1)).kind).toBe('begun')
  for (const job of jobs) await house.jobs.cancel((await house.jobs.get(job.id)) ?? job)
  for (const id of await house.redis.smembers(slots)) {
    const job = await house.jobs.get(id as JobRecord['id']) // a job's own id
    if (job) await house.jobs.end(job, { status: 'canceled' })
  }
  expect(await house.redis.exists(slots)).toBe(0)
  expect(await house.redis.smembers(house.keys.users('key-2'))).toEqual([third.id])
})

test('a slot is free when the vendor has finished; the key is needed until the end', async () => {
  const job = await accept('copying')
  const begun = await house.submissions.begin(job, 'key-1', 1)
  if (begun.kind !== 'begun') throw new Error(begun.kind)
  await house.submissions.accepted(job, { fence: begun.fence, taskId: 't', providerKeyId: 'key-1', firstLookMs: 0 })
  const [task] = (await house.schedule.lease(1, 60_000)).tasks
  const submitted = await house.jobs.get(job.id)
  if (submitted?.status !== 'submitted' || !task) throw new Error('not submitted')
  await house.jobs.generated(submitted, task.lease, { upstreamStatus: 'SUCCEEDED', sources: [] })
  expect(await house.redis.exists(house.keys.slots('key-1', 'gen4.5'))).toBe(0)
  expect(await house.redis.smembers(house.keys.users('key-1'))).toEqual([job.id])
  const generated = await house.jobs.get(job.id)
  if (generated) await house.jobs.end(generated, { status: 'canceled' })
  expect(await idleKeys()).toEqual([])
})

test('reconcile frees what is held in the name of jobs that are gone, and looks at a queued job by its deadline', async () => {
  await house.redis.sadd(house.keys.slots('key-1', '*'), 'job_gone')
  await house.redis.sadd(house.keys.users('key-1'), 'job_gone')
  await house.redis.sadd(house.keys.holders, 'slots:key-1:*', 'users:key-1')
  const job = await accept('slow', { queueMs: 2_000 })
  const nowMs = Date.now()
  expect(Number(await house.redis.zscore(house.keys.open, job.id))).toBeLessThanOrEqual(nowMs + 2_000)
  const report = await reconcile(house, { nowMs, lookAgainMs: 60_000 })
  expect(report.freed).toBe(2)
  await house.jobs.end(job, { status: 'canceled' })
  expect(await idleKeys()).toEqual([])
})

test('turns are counted anew before BullMQ runs out of priorities, and nobody is left behind', async () => {
  for (let n = 0; n < WINDOW + 5; n += 1) await accept('long')
  await accept('other')
  await house.redis.hset(house.keys.turns(QUEUE), '', 1_999_990, 'gen4.5 long', 1_999_998)
  expect((await beginAll()).length).toBe(WINDOW + 6)
  expect(await idleKeys()).toHaveLength(3)
})
