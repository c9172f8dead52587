import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../scripts/free-port.ts'
import { Arrivals, openJobs } from './arrivals.ts'
import { scoped } from './scope.ts'
import { measure } from './stand.ts'
import { startVendor } from './vendor.ts'
import { startWorker } from './worker.ts'

export const JOBS_PER_SECOND = 100
const SPEED = 5
/** Until jobs come to their end at the rate at which they come in. */
const RAMP_MS = 7_000

type Updates = { counts: number; observes: number; jobs: number }

/** Of each job that ended while it was measured: what was counted and observed, and the worker's CPU. */
export type WholeJob = { counts: number; observes: number; nodeUs: number; spans: number }

/** Jobs from accept to webhook in a real worker; `spans` says how many somebody was told of so far. */
export function wholeJobs(seconds: number, env: Record<string, string> = {}, spans = async () => 0): Promise<WholeJob> {
  return scoped(async (scope) => {
    const stand = await scope.stand()
    const vendor = await startVendor(scope, { succeedsAtLook: 3 })
    const healthPort = await freePort()
    const worker = await startWorker(scope, stand, {
      vendorUrl: vendor.url,
      speed: SPEED,
      script: 'bench/src/targets/worker.ts',
      env: { SUBMIT_CONCURRENCY: '64', COPY_CONCURRENCY: '64', HEALTH_PORT: String(healthPort), ...env },
    })
    const updates = async () => {
      const response = await fetch(`http://127.0.0.1:${healthPort}/metrics`)
      return { ...readUpdates(await response.text()), spans: await spans() }
    }
    const intake = openJobs(stand, `${vendor.url}/hook`)
    scope.onEnd(() => intake.close())
    const arrivals = new Arrivals(intake, { prompt: (n) => `t-${n}` })
    scope.onEnd(async () => arrivals.stop())
    arrivals.perSecond = JOBS_PER_SECOND
    await delay(RAMP_MS)
    const before = await updates()
    const { nodeUs } = await measure(worker, stand, () => delay(seconds * 1000))
    const after = await updates()
    const jobs = after.jobs - before.jobs
    if (jobs === 0) throw new Error(`no job came to its end:\n${worker.logTail}`)
    return {
      counts: (after.counts - before.counts) / jobs,
      observes: (after.observes - before.observes) / jobs,
      nodeUs: nodeUs / jobs,
      spans: (after.spans - before.spans) / jobs,
    }
  })
}

/** How often something was counted or observed so far. Bytes are added once for each copy. */
function readUpdates(text: string): Updates {
  const updates: Updates = { counts: 0, observes: 0, jobs: 0 }
  for (const line of text.split('\n')) {
    const [, name = '', value = '0'] = /^genqueue_(\w+)(?:\{.*\})? (\S+)$/.exec(line) ?? []
    if (name.endsWith('_count')) updates.observes += Number(value)
    if (name === 'copy_duration_seconds_count') updates.counts += Number(value)
    else if (name.endsWith('_total') && name !== 'copy_bytes_total') updates.counts += Number(value)
    if (name === 'jobs_terminal_total') updates.jobs += Number(value)
  }
  return updates
}
