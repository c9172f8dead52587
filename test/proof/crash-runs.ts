import { join } from 'node:path'
import type { Verdict } from './checker.ts'
import type { Vendor } from './points.ts'
import { ProcessOfSeats } from './process-of-seats.ts'
import type { Seat } from './seat.ts'
import { Stage, until } from './stage.ts'
import type { World } from './world.ts'

/** A process that does not come to its point is not waited for any longer. */
const COMES_WITHIN_MS = 15_000
const MORE_JOBS_AFTER_MS = 3_000

/** A worker or API that is made to fail, and how many jobs are posted when it stands. */
type Victim = { role: Seat['role']; faults: string; jobs: number; env?: Record<string, string> }

export type CrashRun = {
  name: string
  vendor: Vendor
  /** One after the other; each finds what the one before has left. */
  victims: readonly Victim[]
  /** What the worker that finishes everything is told. */
  survivor?: { faults?: string; env?: Record<string, string> }
}

export type CrashReport = Verdict & { hits: string[] }

export type CrashOptions = {
  /** What all processes were built with, by its name. */
  mutant?: string
  /** Victims only stand still, and go on beside the survivor. */
  staysAlive?: boolean
}

/**
 * Several runs in step: their first victims share a process, so do the next ones, and so do those that finish. Posts
 * jobs, lets them die over them, and judges each run by its own ledgers.
 */
export async function crashRuns(
  runs: readonly CrashRun[],
  world: World,
  { mutant, staysAlive = false }: CrashOptions = {},
): Promise<CrashReport[]> {
  const options = { mutant, cacheDir: join(world.folder, 'cache') }
  const processes: ProcessOfSeats[] = []
  const openProcess = async () => {
    const opened = await ProcessOfSeats.open(options)
    processes.push(opened)
    return opened
  }
  const stages = runs.map((run) => ({ run, stage: new Stage(run, world) }))
  const isOfApi = runs[0]?.victims[0]?.role === 'api'
  try {
    const survivors = await openProcess()
    const survive = () =>
      Promise.all(stages.map(({ run, stage }) => stage.take(survivors, { role: 'worker', ...run.survivor })))
    const serve = () => Promise.all(stages.map(({ stage }) => stage.take(survivors, { role: 'api' })))
    await (isOfApi ? survive() : serve())
    for (let wave = 0; wave < Math.max(...runs.map(({ victims }) => victims.length)); wave += 1) {
      const victims = await openProcess()
      const now = stages.flatMap(({ run: { victims: own }, stage }) => {
        const victim = own[wave]
        return victim ? [{ stage, victim }] : []
      })
      await Promise.all(now.map(({ stage, victim }) => stage.take(victims, victim)))
      // Not before all stand: the first to die may be the last one alive.
      for (const { stage, victim } of now) stage.post(victim.jobs)
      await comeToTheirPoints(
        victims,
        stages.map(({ stage }) => stage),
        staysAlive,
      )
      if (!staysAlive) await victims.end('SIGKILL')
    }
    await (isOfApi ? serve() : survive())
    return await Promise.all(
      stages.map(async ({ stage }) => {
        const error = await stage.finished().catch((reason: unknown) => reason)
        const verdict = await stage.judge()
        const stuck = error instanceof Error ? [{ invariant: 'stuck', counterexample: error.message }] : []
        return { ...verdict, broken: [...stuck, ...verdict.broken], hits: stage.hits() }
      }),
    )
  } finally {
    await Promise.all(stages.map(({ stage }) => stage.close()))
    await Promise.all(processes.map((each) => each.end('SIGTERM')))
  }
}

/** Until they have died, or all stand still; who is slow to come to its point gets more jobs. */
async function comeToTheirPoints(
  victims: ProcessOfSeats,
  stages: readonly Stage[],
  staysAlive: boolean,
): Promise<void> {
  const before = new Map(stages.map((stage) => [stage, stage.hits().length]))
  const late = () => stages.filter((stage) => stage.hits().length === before.get(stage))
  const deadlineMs = performance.now() + COMES_WITHIN_MS
  const isOver = () => victims.isGone || (staysAlive && late().length === 0)
  while (!isOver() && performance.now() < deadlineMs) {
    await until(isOver, MORE_JOBS_AFTER_MS)
    if (!isOver()) for (const stage of late()) stage.post(1)
  }
}
