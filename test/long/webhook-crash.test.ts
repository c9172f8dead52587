import { expect, test } from 'vitest'
import { type CrashReport, type CrashRun, crashRuns } from '../proof/crash-runs.ts'
import { type Point, VENDORS } from '../proof/points.ts'
import { SeededRandom } from '../proof/seeded-random.ts'
import { openWorld, type World } from '../proof/world.ts'

/** `SEEDS=200` is the whole of it; `SEEDS=1 FIRST_SEED=17` is one run again. */
const SEEDS = Number(process.env.SEEDS ?? 10)
const FIRST_SEED = Number(process.env.FIRST_SEED ?? 1)
/** Before and after each of: the end of the job, the claim of its webhook, the call and the record of it. */
const DIES_AT = [
  'terminal.before_script',
  'terminal.after_script',
  'hook.claimed',
  'hook.sent',
  'hook.recorded',
] as const
const MOST_HITS = 3
const MOST_MORE_JOBS = 3
/** Runs that share their processes, and such groups at a time. */
const IN_STEP = 10
const AT_ONCE = 2
const GROUP_TAKES_MS = 60_000

type Seeded = { run: CrashRun; point: Point }

/** Where a worker dies, over how many jobs of which vendor. */
function seeded(seed: number): Seeded {
  const random = new SeededRandom(seed)
  const pick = <T>(values: readonly T[]) => random.pick(values.map((value) => [1, value] as const))
  const point = pick(DIES_AT)
  const nth = 1 + Math.floor(random.next() * MOST_HITS)
  const jobs = nth + 1 + Math.floor(random.next() * MOST_MORE_JOBS)
  const faults = `${point}:${nth}:kill`
  const vendor = pick(VENDORS)
  return { point, run: { name: `${seed}-${faults}-${vendor}`, vendor, victims: [{ role: 'worker', faults, jobs }] } }
}

test(
  'wherever a worker is killed between the end of a job and the record of its webhook: each is told, under one id with the same bytes',
  async () => {
    const world = await openWorld({ minOutputBytes: 20_000 })
    try {
      const ran = await runAll(
        Array.from({ length: SEEDS }, (_, n) => seeded(FIRST_SEED + n)),
        world,
      )
      console.log(summary(ran.map(({ report }) => report)))
      const broken = ran.filter(({ report }) => report.broken.length > 0)
      expect(broken.map(({ run, report }) => ({ run: run.name, broken: report.broken }))).toEqual([])
      // A point that nobody came to proves nothing.
      expect(ran.map(({ run, report }) => [run.name, report.hits])).toEqual(
        ran.map(({ run, point }) => [run.name, [`${point} kill`]]),
      )
    } finally {
      await world.close()
    }
  },
  GROUP_TAKES_MS * (1 + SEEDS / (IN_STEP * AT_ONCE)),
)

async function runAll(all: readonly Seeded[], world: World): Promise<(Seeded & { report: CrashReport })[]> {
  const groups = Array.from({ length: Math.ceil(all.length / IN_STEP) }, (_, n) =>
    all.slice(n * IN_STEP, (n + 1) * IN_STEP),
  )
  const ran: (Seeded & { report: CrashReport })[] = []
  const lane = async () => {
    for (let group = groups.shift(); group; group = groups.shift()) {
      const reports = await crashRuns(
        group.map(({ run }) => run),
        world,
      )
      for (const [index, report] of reports.entries()) {
        const of = group[index]
        if (of) ran.push({ ...of, report })
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return ran
}

/** A job has one webhook: what came more often is repeated. Lost is a job that never ended, or that nobody was told of. */
function summary(reports: readonly CrashReport[]): string {
  const sum = (count: (report: CrashReport) => number) => reports.reduce((total, report) => total + count(report), 0)
  const jobs = sum(({ counts }) => counts.accepted)
  const deliveries = sum(({ counts }) => counts.deliveries)
  const duplicates = sum(({ counts }) => Math.max(0, counts.deliveries - counts.terminal))
  const lost = sum(({ counts, broken }) => {
    const untold = broken.some(({ invariant }) => invariant === 'I3') ? 1 : 0
    return counts.lost + Math.max(untold, counts.terminal - counts.deliveries)
  })
  const runs = `${reports.length} runs (seeds ${FIRST_SEED} to ${FIRST_SEED + SEEDS - 1})`
  return `webhook crashes: ${runs}, ${jobs} jobs, ${deliveries} deliveries, ${duplicates} duplicates, ${lost} lost`
}
