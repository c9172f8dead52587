import { type CrashOptions, type CrashReport, type CrashRun, crashRuns } from './crash-runs.ts'
import { type Action, POINT_NAMES, POINTS, type Point, VENDORS, type Vendor, whyNever } from './points.ts'
import type { World } from './world.ts'

const JOBS_A_VICTIM = 3
/** Runs that share their processes. */
const IN_STEP = 7
/** Longer than a lock, the look for those that lost theirs, and the next look at the queue: another worker takes over. */
const STANDS_STILL_MS = 3_000
/** Where standing still may do harm: what the process does next was decided before. */
const STANDS_STILL_AT: readonly [Point, Vendor][] = [
  ['submit.intent_written', 'runway'],
  ['submit.response_read', 'runware'],
  ['copy.after_complete', 'runware'],
  ['terminal.before_script', 'runway'],
]

type Batch = { runs: CrashRun[]; options: CrashOptions }

/** Every point with each vendor: two processes die there, the first at its first hit, the next one at its second. */
export function sweepBatches(): Batch[] {
  const runs = POINT_NAMES.flatMap((point) =>
    VENDORS.filter((vendor) => whyNever(point, vendor) === undefined).map((vendor) => killRun(point, vendor)),
  )
  const [ofApi = [], ofWorker = []] = ['api', 'worker'].map((role) =>
    runs.filter(({ victims }) => victims[0]?.role === role),
  )
  const killed: Batch[] = [...inStep(ofWorker), ...inStep(ofApi)].map((each) => ({ runs: each, options: {} }))
  const options = { staysAlive: true }
  const others = VENDORS.flatMap((vendor) => [
    ...(['throw', 'delay', 'drop'] as const).map((action) => otherRun(action, vendor)),
    answersRun(vendor),
  ])
  const [ofOthers, ofAnswers] = ['worker', 'api'].map((role) =>
    others.filter(({ victims }) => victims[0]?.role === role),
  )
  // Who stands still stops all that share its process.
  const alive = [...STANDS_STILL_AT.map((each) => [stillRun(each)]), ofOthers ?? [], ofAnswers ?? []]
  return [...killed, ...alive.map((each) => ({ runs: each, options }))]
}

function killRun(point: Point, vendor: Vendor): CrashRun {
  // What is over at once is not found open by reconcile.
  const slowly = [1, 2, 3].map((hit) => `submit.response_read:${hit}:delay:1500`)
  const isSwept = point === 'sweeper.mid_batch'
  const victims = [1, 2].map((hit) => ({
    role: POINTS[point].in,
    faults: [`${point}:${hit}:kill`, ...(isSwept ? slowly : [])].join(','),
    jobs: JOBS_A_VICTIM,
    ...(isSwept && { env: { RECONCILE_AFTER_MS: '100' } }),
  }))
  return { name: `${point}-${vendor}`, vendor, victims }
}

/** A worker stands still while its lock ends, another one takes over, and it goes on with what it had in hand. */
function stillRun([point, vendor]: readonly [Point, Vendor]): CrashRun {
  const faults = `${point}:1:hang:${STANDS_STILL_MS}`
  return { name: `still-${point}-${vendor}`, vendor, victims: [{ role: 'worker', faults, jobs: JOBS_A_VICTIM }] }
}

/** A worker meets every point, and at its first time each call fails, comes late or loses its answer. */
function otherRun(action: Exclude<Action, 'kill' | 'hang'>, vendor: Vendor): CrashRun {
  const points = POINT_NAMES.filter((point) => POINTS[point].in === 'worker')
  const faults = points.map((point) => `${point}:1:${action}`).join(',')
  return { name: `${action}-${vendor}`, vendor, victims: [{ role: 'worker', faults, jobs: 2 * JOBS_A_VICTIM }] }
}

/** An API loses the answer of Redis in every way. */
function answersRun(vendor: Vendor): CrashRun {
  const faults = 'accept.before_script:1:throw,accept.after_script:1:drop,accept.after_script:2:delay'
  return { name: `answers-${vendor}`, vendor, victims: [{ role: 'api', faults, jobs: 2 * JOBS_A_VICTIM }] }
}

function inStep(runs: readonly CrashRun[]): CrashRun[][] {
  const count = Math.ceil(runs.length / IN_STEP)
  return Array.from({ length: count }, (_, n) => runs.slice(n * IN_STEP, (n + 1) * IN_STEP))
}

export type Swept = { run: CrashRun; report: CrashReport; dies: boolean }

/** All batches, so many at a time. */
export async function sweep(batches: readonly Batch[], world: World, atOnce: number): Promise<Swept[]> {
  const left = [...batches]
  const swept: Swept[] = []
  const lane = async () => {
    for (let batch = left.shift(); batch; batch = left.shift()) {
      const reports = await crashRuns(batch.runs, world, batch.options)
      for (const [index, run] of batch.runs.entries()) {
        const report = reports[index]
        if (report) swept.push({ run, report, dies: batch.options.staysAlive !== true })
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return swept.toSorted((a, b) => order(a) - order(b))

  function order({ run }: Swept): number {
    return batches.flatMap(({ runs }) => runs).indexOf(run)
  }
}
