import { setTimeout as delay } from 'node:timers/promises'
import { createMetrics } from '@genqueue/metrics'
import { freePort } from '../../../scripts/free-port.ts'
import { Arrivals, openJobs } from '../arrivals.ts'
import type { Context } from '../context.ts'
import { microseconds, type Row } from '../row.ts'
import { scoped } from '../scope.ts'
import { measure } from '../stand.ts'
import { startVendor } from '../vendor.ts'
import { startWorker } from '../worker.ts'

const JOBS_PER_SECOND = 100
const SPEED = 5
/** Until jobs come to their end at the rate at which they come in. */
const RAMP_MS = 7_000
const SCRAPE_EVERY_S = 15
const GOAL = 0.05

/**
 * What the metrics cost a job: how many updates a real worker makes for one, times what an update costs, over the CPU
 * that the job takes. On and off beside each other would say less: their difference is smaller than that of two runs.
 */
export async function instrumentation({ isQuick, say }: Context): Promise<Row[]> {
  say(`instrumentation: ${JOBS_PER_SECOND} whole jobs a second`)
  const job = await updatesOfJobs(isQuick ? 4 : 10)
  say('instrumentation: the cost of an update and of a scrape')
  const cost = costOfUpdates()
  const scrapeUs = await costOfScrape()
  const perJobUs = job.counts * cost.countUs + job.observes * cost.observeUs
  const share = perJobUs / job.nodeUs
  return [
    {
      part: 'instrumentation',
      what: 'metrics of a whole job in the worker',
      goal: `≤ ${GOAL * 100} % of its CPU`,
      ok: share <= GOAL,
      measured: `${job.counts.toFixed(1)} counts of ${cost.countUs.toFixed(2)} µs, ${job.observes.toFixed(1)} observations of ${cost.observeUs.toFixed(2)} µs: ${microseconds(perJobUs)} of ${microseconds(job.nodeUs)} µs`,
      ratio: `${(share * 100).toFixed(2)} %`,
      values: { ...job, ...cost, perJobUs, share },
    },
    {
      part: 'instrumentation',
      what: `a scrape, every ${SCRAPE_EVERY_S} s`,
      measured: `${(scrapeUs / 1000).toFixed(1)} ms: ${((scrapeUs / (SCRAPE_EVERY_S * 1e6)) * 100).toFixed(3)} % of a core`,
      values: { scrapeUs },
    },
  ]
}

type Updates = { counts: number; observes: number; jobs: number }

/** Per job that ended while it was measured. */
function updatesOfJobs(seconds: number): Promise<{ counts: number; observes: number; nodeUs: number }> {
  return scoped(async (scope) => {
    const stand = await scope.stand()
    const vendor = await startVendor(scope, { succeedsAtLook: 3 })
    const healthPort = await freePort()
    const worker = await startWorker(scope, stand, {
      vendorUrl: vendor.url,
      speed: SPEED,
      script: 'bench/src/targets/worker.ts',
      env: { SUBMIT_CONCURRENCY: '64', COPY_CONCURRENCY: '64', HEALTH_PORT: String(healthPort) },
    })
    const updates = async () => {
      const response = await fetch(`http://127.0.0.1:${healthPort}/metrics`)
      return readUpdates(await response.text())
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

function costOfUpdates(): { countUs: number; observeUs: number } {
  const metrics = createMetrics('worker')
  const count = (n: number) =>
    metrics.count('upstream_requests_total', { provider: 'runway', op: n % 4 ? 'poll' : 'submit', code: '200' })
  const observe = (n: number) =>
    metrics.observe('upstream_request_duration_seconds', { provider: 'runway', op: n % 4 ? 'poll' : 'submit' }, n % 7)
  return { countUs: costOf(count), observeUs: costOf(observe) }
}

function costOf(update: (n: number) => void): number {
  const times = 300_000
  for (let n = 0; n < times; n += 1) update(n)
  const before = process.cpuUsage()
  for (let n = 0; n < times; n += 1) update(n)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / times
}

/** With a hundred routes and codes, more than a house has. */
async function costOfScrape(): Promise<number> {
  const metrics = createMetrics('api')
  for (let n = 0; n < 100; n += 1) {
    metrics.count('http_requests_total', { route: `/v1/${n}`, method: 'GET', code: '200' })
    metrics.observe('http_request_duration_seconds', { route: `/v1/${n}`, method: 'GET' }, 0.01)
  }
  for (let n = 0; n < 20; n += 1) await metrics.render()
  const before = process.cpuUsage()
  for (let n = 0; n < 20; n += 1) await metrics.render()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 20
}
