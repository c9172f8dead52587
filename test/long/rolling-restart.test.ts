import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { check } from '../proof/checker.ts'
import { Client, type ClientLine } from '../proof/client.ts'
import { bucketLedger, ReceiverLedger, upstreamLedger } from '../proof/evidence.ts'
import { Ledger } from '../proof/ledger.ts'
import { VENDORS } from '../proof/points.ts'
import { ProcessOfSeats } from '../proof/process-of-seats.ts'
import { until } from '../proof/stage.ts'
import { dumpState, leakedKeys, settled, watchProgress } from '../proof/stuck.ts'
import { brokenText, countsTable } from '../proof/sweep-table.ts'
import { openWorld, type World } from '../proof/world.ts'

const RUN = 'rolling'
const WORKERS = 3
const RESTARTS = 6
const RESTART_EVERY_MS = 5_000
const POST_EVERY_MS = 200
/** What a lock or a lost message would cost: a job that took so long was not handed back in good order. */
const HANDED_BACK_WITHIN_MS = 15_000
const PATIENT = {
  LOCK_DURATION_MS: '30000',
  STALLED_INTERVAL_MS: '10000',
  RECONCILE_AFTER_MS: '60000',
  SUBMIT_TIMEOUT_MS: '10000',
  WAIT_TIMEOUT_MS: '10000',
  POLL_TIMEOUT_MS: '5000',
}
/** Who was asked to end knows it by then; to put down what it has in hand takes longer. */
const CLAIMS_STOP_WITHIN_MS = 1_000
const MOST_CLAIMS = 500

/** A worker in a process of its own, which writes down each create that it claims. */
type Worker = { process: ProcessOfSeats; claims: () => number }

test('22 three workers are restarted one after the other, every five seconds under traffic: no job waits, is lost or paid twice (I1, I2, I3, I10)', async () => {
  const world = await openWorld({ minOutputBytes: 50_000 })
  const env = world.env(RUN, PATIENT)
  // Work takes a moment, so that whoever must end is in the middle of some.
  for (const vendor of VENDORS) world.simulator[vendor].latency({ minMs: 10_000, maxMs: 300_000, seed: RUN })
  const requests = new Ledger<ClientLine>()
  const path = `/hook/${RUN}`
  const receiver = new ReceiverLedger(world.simulator, path)
  const api = await openProcess(world)
  const url = await api.start({ name: 'api', role: 'api', env, faults: '', hitsFile: join(world.folder, 'api.hits') })
  const webhookUrl = () => `${world.simulator.receiver.url}${path}`
  const client = new Client(requests, () => url, webhookUrl)
  const watch = watchProgress({
    progress: () => requests.lines().length + world.simulator.receiver.deliveries(path).length,
    quietMs: 20_000,
    dump: () => dumpState(world.redis.url, env.KEY_PREFIX ?? ''),
  })
  let started = 0
  const startWorker = () => openWorker(world, env, `worker-${started++}`)
  const standing = await Promise.all(Array.from({ length: WORKERS }, startWorker))
  const gone: ReturnType<typeof retire>[] = []
  try {
    const over = new AbortController()
    const traffic = postUntil(over.signal, client)
    await sleep(RESTART_EVERY_MS)
    for (let n = 0; n < RESTARTS; n += 1) {
      const leaving = standing.shift()
      if (leaving) gone.push(retire(leaving))
      const [next] = await Promise.all([startWorker(), sleep(RESTART_EVERY_MS)])
      standing.push(next)
    }
    over.abort()
    const jobs = await Promise.race([watch.stuck, traffic])
    await Promise.race([watch.stuck, allEnd(client, jobs, receiver)])
    const listed = (await client.list()).map(({ id }) => id)
    const leaks = await settled(() => leakedKeys(world.redis.url, env.KEY_PREFIX ?? ''))
    gone.push(...standing.splice(0).map(retire))
    const left = await Promise.all(gone)
    const exits = [...left.map(({ exit }) => exit), await api.end('SIGTERM')]

    const evidence = {
      client: requests.lines(),
      upstream: upstreamLedger(world.simulator, `${RUN} `),
      receiver: await receiver.read(),
      bucket: bucketLedger(world.simulator, `${RUN}/`),
    }
    const expected = { untaken: new Map(), listed, leaks, refusals: false, answerWithinMs: 2_000, exits }
    const verdict = check(evidence, expected)
    const slowestMs = Math.max(...evidence.client.flatMap(tookMs))
    const lateClaims = left.reduce((sum, { claimsAfter }) => sum + claimsAfter, 0)
    const drainedMs = Math.max(...left.map(({ tookMs }) => tookMs))
    console.log(countsTable(`${RESTARTS} restarts under traffic`, verdict.counts))
    console.log(
      `invariants ${brokenText(verdict)}; exits ${exits.map(({ code, signal }) => code ?? signal).join(' ')}; ` +
        `${lateClaims} claims after a signal; slowest drain ${drainedMs} ms, slowest job ${slowestMs} ms`,
    )
    expect(verdict.broken).toEqual([])
    // Whoever has claimed nothing shows nothing by claiming no more.
    for (const { claimsBefore } of left) expect(claimsBefore).toBeGreaterThan(0)
    expect(lateClaims).toBe(0)
    expect(drainedMs).toBeGreaterThan(CLAIMS_STOP_WITHIN_MS)
    expect(slowestMs).toBeLessThan(HANDED_BACK_WITHIN_MS)
    expect(verdict.counts).toMatchObject({ lost: 0, duplicateCharge: 0, ambiguous: 0 })
    expect(verdict.counts.objectsOk).toBe(verdict.counts.accepted)
  } finally {
    watch.stop()
    client.close()
    await Promise.all([...standing.map(({ process }) => process.end('SIGKILL')), ...gone, api.end('SIGKILL')])
    await world.close()
  }
}, 120_000)

type Accepted = { id: string; marker: string }

function openProcess(world: World): Promise<ProcessOfSeats> {
  return ProcessOfSeats.open({ cacheDir: join(world.folder, 'cache') })
}

async function openWorker(world: World, env: Record<string, string>, name: string): Promise<Worker> {
  const process = await openProcess(world)
  const hitsFile = join(world.folder, `${name}.hits`)
  writeFileSync(hitsFile, '')
  // Each claim is written down and otherwise goes by.
  const faults = Array.from({ length: MOST_CLAIMS }, (_, n) => `worker.after_claim:${n + 1}:delay:0`).join(',')
  await process.start({ name, role: 'worker', env, faults, hitsFile })
  return { process, claims: () => readFileSync(hitsFile, 'utf8').split('\n').length - 1 }
}

/** Ends it as an orchestrator does, and tells how it went. */
async function retire({ process, claims }: Worker) {
  const beganMs = performance.now()
  const ended = process.end('SIGTERM')
  await Promise.race([ended, sleep(CLAIMS_STOP_WITHIN_MS)])
  const before = claims()
  const exit = await ended
  return { exit, claimsBefore: before, claimsAfter: claims() - before, tookMs: Math.round(performance.now() - beganMs) }
}

async function postUntil(over: AbortSignal, client: Client): Promise<Accepted[]> {
  const posted: Promise<Accepted>[] = []
  for (let n = 0; !over.aborted; n += 1) {
    const marker = `${RUN} ${n}`
    posted.push(client.post(VENDORS[n % VENDORS.length] ?? 'runway', marker).then((id) => ({ id, marker })))
    await sleep(POST_EVERY_MS)
  }
  return Promise.all(posted)
}

/** Resolves when every job was seen to have ended, and every webhook has had its moment. */
async function allEnd(client: Client, jobs: readonly Accepted[], receiver: ReceiverLedger): Promise<void> {
  for (const { id, marker } of jobs) while (!(await client.look(id, marker))) await sleep(200)
  await until(async () => new Set((await receiver.read()).map(({ jobId }) => jobId)).size === jobs.length, 10_000)
  for (const { id, marker } of jobs) await client.look(id, marker)
}

/** From its acceptance to its end. */
function tookMs({ ended }: ClientLine): number[] {
  const [from = '', to = ''] = [ended?.times.queued, ended?.times.succeeded]
  return ended ? [Date.parse(to) - Date.parse(from)] : []
}
