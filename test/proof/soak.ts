import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureRedisServer } from '../../scripts/redis-binary.ts'
import { check, type Verdict } from './checker.ts'
import { bucketLedger, type Evidence, upstreamLedger } from './evidence.ts'
import { Ledger } from './ledger.ts'
import { SecretWatch } from './secrets-found.ts'
import { SeededRandom } from './seeded-random.ts'
import { type FaultLine, faultsAtRandom } from './soak-faults.ts'
import { SOAK_REDIS, SoakHouse } from './soak-house.ts'
import { chargedRight, sentTwice } from './soak-money.ts'
import { StallWatch } from './soak-stalls.ts'
import { isGone, SoakTraffic } from './soak-traffic.ts'
import { invariantLines, webhookText, wronglyGivenUp } from './soak-verdict.ts'
import { outgrown, type Vitals, vitalsText } from './soak-vitals.ts'
import { dumpState, leakedKeys, settled, watchProgress } from './stuck.ts'
import { countsTable } from './sweep-table.ts'
import { openWorld, type World } from './world.ts'

/** Faults come for this share of the time; then all that was accepted must come to its end. */
const SHARE_OF_FAULTS = 0.75
const FAULT_EVERY_MS = 1_500
const QUIET_MS = 60_000
const ANSWER_WITHIN_MS = 2_000
/** The last leases of webhooks and the last costs come in by then. */
const SETTLES_WITHIN_MS = 30_000

const options = { jobs: { type: 'string' }, minutes: { type: 'string' }, seed: { type: 'string' } } as const
const { values: given } = parseArgs({ options })
const jobs = Number(given.jobs ?? 300)
const minutes = Number(given.minutes ?? 3)
const seed = Number(given.seed ?? Math.floor(Math.random() * 2 ** 32))
if (![jobs, minutes, seed].every((value) => value >= 0)) throw new Error('--jobs, --minutes and --seed are numbers')
console.log(`seed ${seed}: ${jobs} jobs, ${minutes} minutes`)

const folder = join(tmpdir(), `genqueue-soak-${seed}-${process.pid}`)
await mkdir(folder)
const isHeld = await soak()
if (isHeld) await rm(folder, { recursive: true })
else console.log(`ledgers, log and Redis are kept in ${folder}`)
process.exitCode = isHeld ? 0 : 1

/** All that a soak runs in and is judged by. */
type Soak = {
  world: World
  house: SoakHouse
  traffic: SoakTraffic
  secrets: SecretWatch
  stalls: StallWatch
  faults: Ledger<FaultLine>
  vitals: Vitals[]
  beganAtMs: number
}

/** Traffic and faults, then quiet, then the verdict. */
async function soak(): Promise<boolean> {
  const binary = await ensureRedisServer({ install: true })
  if (binary === undefined) throw new Error('there is no redis-server')
  const world = await openWorld({ redis: SOAK_REDIS, speed: 100, minOutputBytes: 20_000 })
  const faults = new Ledger<FaultLine>(join(folder, 'faults.jsonl'))
  const house = await SoakHouse.open(world, { binary, folder })
  const secrets = new SecretWatch(world.simulator)
  const heard = (answer: string) => secrets.look('an answer', answer)
  const traffic = new SoakTraffic(world.simulator, { url: () => house.apiUrl, folder, heard })
  const stalls = new StallWatch(() => house.apis)
  const vitals = await house.vitals()
  const ours: Soak = { world, house, traffic, secrets, stalls, faults, vitals, beganAtMs: Date.now() }
  try {
    const stuck = await run(ours)
    const { evidence, broken } = await judge(ours)
    if (stuck !== undefined) broken.unshift({ invariant: 'stuck', counterexample: stuck })
    console.log(invariantLines(broken))
    if (broken.length > 0) await keep(world, evidence)
    return broken.length === 0
  } finally {
    stalls.stop()
    await traffic.close()
    await house.close()
    await world.close()
    faults.close()
  }
}

/** Resolves when all is over, with what stood still if it does not come to its end. */
async function run({ world, house, traffic, faults, beganAtMs }: Soak): Promise<string | undefined> {
  const watch = watchProgress({
    progress: () => traffic.progress + faults.lines().length,
    quietMs: QUIET_MS,
    dump: () => dumpState(world.redis.url, house.env.KEY_PREFIX ?? ''),
  })
  const given = new AbortController()
  const { signal } = given
  const untilMs = beganAtMs + minutes * 60_000 * SHARE_OF_FAULTS
  const posted = traffic.post(jobs, { random: new SeededRandom(seed + 1), untilMs, signal })
  const deps = { house, simulator: world.simulator, random: new SeededRandom(seed), ledger: faults }
  const chaos = faultsAtRandom(deps, { meanMs: FAULT_EVERY_MS, untilMs, signal })
  try {
    await Promise.race([watch.stuck, Promise.all([posted, chaos]).then(() => traffic.finished())])
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    watch.stop()
    given.abort()
    await Promise.allSettled([posted, chaos])
  }
}

/** Holds the ledgers against each other and prints what they come to. */
async function judge(ours: Soak): Promise<{ evidence: Evidence; broken: Verdict['broken'] }> {
  const { world, house, traffic, secrets, stalls, faults, vitals, beganAtMs } = ours
  const { simulator } = world
  const tookMinutes = ((Date.now() - beganAtMs) / 60_000).toFixed(1)
  const listed = (await traffic.client.list()).map(({ id }) => id)
  const untaken = await traffic.untaken()
  const leaks = await settled(
    () => leakedKeys(house.redisUrl, house.env.KEY_PREFIX ?? '', { webhooks: true }),
    SETTLES_WITHIN_MS,
  )
  const charged = async () => chargedRight(simulator, traffic.requests, await traffic.client.usage())
  await settled(async () => [(await charged()).broken ?? ''].filter(Boolean), SETTLES_WITHIN_MS)
  const money = await charged()
  const after = await house.vitals()
  await house.drain()
  // What a client waited for while it or the API could not run is not for the API to answer for.
  const client = traffic.requests.map((line) => {
    const stalledMs = stalls.withinMs(line.atMs, line.atMs + line.durationMs, line.api)
    return { ...line, durationMs: line.durationMs - stalledMs, stalledMs }
  })
  const slowed = client.filter((each) => !each.waits && each.durationMs + each.stalledMs > ANSWER_WITHIN_MS)
  const evidence = {
    client,
    upstream: upstreamLedger(simulator, 'soak '),
    receiver: await traffic.receiver.read(),
    bucket: bucketLedger(simulator, 'soak/'),
  }
  const secretsFound = await secrets.found(house)
  const { counts, broken } = check(evidence, {
    untaken: new Map([...untaken].map(([id, deliveries]) => [id, deliveries.map(({ status }) => status)])),
    listed,
    leaks,
    refusals: false,
    answerWithinMs: ANSWER_WITHIN_MS,
    exits: house.exits,
    secretsFound,
  })
  const markers = new Map(traffic.accepted.map(({ id, marker }) => [id, marker]))
  const ownFindings = {
    I2: sentTwice(simulator),
    I3: wronglyGivenUp(untaken, (jobId) => isGone(markers.get(jobId) ?? '')),
    I9: outgrown(vitals, after),
    I10: house.crashes[0],
    money: money.broken,
  }
  for (const [invariant, counterexample] of Object.entries(ownFindings)) {
    if (counterexample !== undefined) broken.push({ invariant, counterexample })
  }

  const counted = Map.groupBy(faults.lines(), ({ fault }) => fault)
  console.log([...counted].map(([fault, lines]) => `${String(lines.length).padStart(6)} × ${fault}`).join('\n'))
  console.log(`${String(faults.lines().length).padStart(6)} faults; all was over after ${tookMinutes} minutes\n`)
  console.log(countsTable(`seed ${seed}`, counts))
  const looked = [...secrets.looked.values()].reduce((sum, count) => sum + count, 0)
  const lines = {
    webhooks: webhookText(counts.accepted, untaken, evidence.receiver),
    charged: money.text,
    bucket: `${evidence.bucket.openUploads} open multipart uploads`,
    secrets: `${secretsFound.length} of ${secrets.secrets} found in ${looked} texts`,
    processes: vitalsText(vitals, after),
    harness:
      `could not run for ${stalls.totalMs} ms, ${stalls.longestMs} ms at the longest; ${slowed.length} requests took ` +
      `longer than ${ANSWER_WITHIN_MS} ms, ${Math.max(0, ...slowed.map(({ durationMs }) => Math.round(durationMs)))} ms ` +
      'without the stalls of harness and API',
  }
  console.log(
    `${Object.entries(lines)
      .map(([name, text]) => `${name.padEnd(10)} ${text}`)
      .join('\n')}\n`,
  )
  return { evidence, broken }
}

/** What is needed to look for the cause: the ledgers that are no files yet, and Redis' own files. */
async function keep(world: World, { upstream, bucket }: Evidence): Promise<void> {
  await writeFile(join(folder, 'upstream.json'), JSON.stringify(upstream, null, 1))
  await writeFile(join(folder, 'bucket.json'), JSON.stringify(bucket, null, 1))
  await cp(world.redis.dir, join(folder, 'redis'), { recursive: true })
}
