import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureRedisServer } from '../../scripts/redis-binary.ts'
import { check, type Verdict } from './checker.ts'
import { bucketLedger, type Evidence, upstreamLedger } from './evidence.ts'
import { Ledger } from './ledger.ts'
import { secretsFound } from './secrets-found.ts'
import { SeededRandom } from './seeded-random.ts'
import { type FaultLine, faultsAtRandom } from './soak-faults.ts'
import { SoakHouse } from './soak-house.ts'
import { SoakTraffic } from './soak-traffic.ts'
import { dumpState, leakedKeys, settled, watchProgress } from './stuck.ts'
import { brokenText, countsTable } from './sweep-table.ts'
import { openWorld, type World } from './world.ts'

/** Faults come for this share of the time; then all that was accepted must come to its end. */
const SHARE_OF_FAULTS = 0.75
const FAULT_EVERY_MS = 1_500
const QUIET_MS = 60_000
const ANSWER_WITHIN_MS = 2_000

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

/** Traffic and faults, then quiet, then the verdict. */
async function soak(): Promise<boolean> {
  const binary = await ensureRedisServer({ install: true })
  if (binary === undefined) throw new Error('there is no redis-server')
  const world = await openWorld({ redis: { appendonly: true }, speed: 100, minOutputBytes: 20_000 })
  const faults = new Ledger<FaultLine>(join(folder, 'faults.jsonl'))
  const house = await SoakHouse.open(world, binary)
  const traffic = new SoakTraffic(world.simulator, () => house.apiUrl, folder)
  const watch = watchProgress({
    progress: () => traffic.progress + faults.lines().length,
    quietMs: QUIET_MS,
    dump: () => dumpState(world.redis.url, house.env.KEY_PREFIX ?? ''),
  })
  try {
    const random = new SeededRandom(seed)
    const untilMs = Date.now() + minutes * 60_000 * SHARE_OF_FAULTS
    const posted = traffic.post(jobs, { random: new SeededRandom(seed + 1), untilMs })
    const chaos = faultsAtRandom(
      { house, simulator: world.simulator, random, ledger: faults },
      { meanMs: FAULT_EVERY_MS, untilMs },
    )
    const stuck = await Promise.race([watch.stuck, Promise.all([posted, chaos]).then(() => traffic.finished())]).then(
      () => undefined,
      (error: Error) => error.message,
    )
    const { evidence, verdict } = await judge(world, house, traffic)
    const counted = Map.groupBy(faults.lines(), ({ fault }) => fault)
    console.log([...counted].map(([fault, lines]) => `${String(lines.length).padStart(4)} × ${fault}`).join('\n'))
    console.log(countsTable(`seed ${seed}`, verdict.counts))
    const broken = [...(stuck === undefined ? [] : [{ invariant: 'stuck', counterexample: stuck }]), ...verdict.broken]
    console.log(`open multipart uploads: ${evidence.bucket.openUploads}; invariants ${brokenText({ broken })}`)
    if (broken.length > 0) await keep(world, house, evidence)
    return broken.length === 0
  } finally {
    watch.stop()
    await traffic.close()
    await house.close()
    await world.close()
    faults.close()
  }
}

async function judge(
  world: World,
  house: SoakHouse,
  traffic: SoakTraffic,
): Promise<{ evidence: Evidence; verdict: Verdict }> {
  const listed = (await traffic.client.list()).map(({ id }) => id)
  const untaken = await traffic.untaken()
  const leaks = await settled(() => leakedKeys(house.redisUrl, house.env.KEY_PREFIX ?? ''), 10_000)
  await house.drain()
  const evidence = {
    client: traffic.requests,
    upstream: upstreamLedger(world.simulator, 'soak '),
    receiver: await traffic.receiver.read(),
    bucket: bucketLedger(world.simulator, 'soak/'),
  }
  const verdict = check(evidence, {
    untaken,
    listed,
    leaks,
    refusals: true,
    answerWithinMs: ANSWER_WITHIN_MS,
    exits: house.exits,
    secretsFound: await secretsFound(world.simulator, house, traffic.requests),
  })
  return { evidence, verdict }
}

/** What is needed to look for the cause: the ledgers that are no files yet, the processes' log, and Redis' own files. */
async function keep(world: World, house: SoakHouse, { upstream, bucket }: Evidence): Promise<void> {
  await writeFile(join(folder, 'upstream.json'), JSON.stringify(upstream, null, 1))
  await writeFile(join(folder, 'bucket.json'), JSON.stringify(bucket, null, 1))
  await cp(house.logFile, join(folder, 'processes.log'))
  await cp(world.redis.dir, join(folder, 'redis'), { recursive: true })
}
