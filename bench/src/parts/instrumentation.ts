import { createMetrics } from '@genqueue/metrics'
import type { Context } from '../context.ts'
import { costOf } from '../cost-of.ts'
import { microseconds, type Row } from '../row.ts'
import { tracingCost } from '../tracing-cost.ts'
import { JOBS_PER_SECOND, wholeJobs } from '../whole-jobs.ts'

const SCRAPE_EVERY_S = 15
const GOAL = 0.05

/**
 * What metrics and traces cost a job. Metrics: how many updates a real worker makes for one, times what an update costs, over the CPU
 * that the job takes. On and off beside each other would say less: their difference is smaller than that of two runs.
 */
export async function instrumentation({ isQuick, say }: Context): Promise<Row[]> {
  say(`instrumentation: ${JOBS_PER_SECOND} whole jobs a second`)
  const seconds = isQuick ? 4 : 10
  const job = await wholeJobs(seconds)
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
    ...(await tracingCost(seconds, job, say)),
  ]
}

function costOfUpdates(): { countUs: number; observeUs: number } {
  const metrics = createMetrics('worker')
  const count = (n: number) =>
    metrics.count('upstream_requests_total', { provider: 'runway', op: n % 4 ? 'poll' : 'submit', code: '200' })
  const observe = (n: number) =>
    metrics.observe('upstream_request_duration_seconds', { provider: 'runway', op: n % 4 ? 'poll' : 'submit' }, n % 7)
  return { countUs: costOf(count), observeUs: costOf(observe) }
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
