import { setTimeout as delay } from 'node:timers/promises'
import { Arrivals, type Intake, openBareQueue, openJobs } from '../arrivals.ts'
import type { Child } from '../child.ts'
import type { Context } from '../context.ts'
import { PollLag } from '../poll-lag.ts'
import { microseconds, type Row } from '../row.ts'
import { type Scope, scoped } from '../scope.ts'
import { measure, type Stand } from '../stand.ts'
import { startVendor, type Vendor } from '../vendor.ts'
import { startWorker } from '../worker.ts'

const LOOKS = 3
/** One job in so many has its looks timed. */
const SAMPLED = 20
const STAGE_CONCURRENCY = { SUBMIT_CONCURRENCY: '64', COPY_CONCURRENCY: '64', NOTIFY_CONCURRENCY: '64' }
/** Looks this late mean that work piles up. */
const STEADY_LAG_MS = 500

type Plan = { rates: readonly number[]; speed: number; warmUpMs: number; windowSeconds: number }
type Step = {
  perSecond: number
  nodeUs: number
  redisUs: number
  commands: number
  lagP50Ms: number
  lagP99Ms: number
  isSteady: boolean
}
type Way = { name: string; open(stand: Stand, vendor: Vendor): Intake; start: Start; hasSchedule: boolean }
type Start = (scope: Scope, stand: Stand, vendor: Vendor, speed: number) => Promise<Child>

const OURS: Way = {
  name: 'genqueue',
  open: (stand, vendor) => openJobs(stand, `${vendor.url}/hook`),
  start: (scope, stand, vendor, speed) => {
    const script = 'bench/src/targets/worker.ts'
    return startWorker(scope, stand, { vendorUrl: vendor.url, speed, script, env: STAGE_CONCURRENCY })
  },
  hasSchedule: true,
}
const bullmq = (name: string, script: string): Way => ({
  name,
  open: openBareQueue,
  start: async (scope, stand, vendor, speed) =>
    scope.child({
      script: `bench/src/targets/${script}.ts`,
      core: 'measured',
      env: {
        REDIS_URL: stand.url,
        VENDOR_URL: vendor.url,
        POLL_MS: String(5_000 / speed),
        NODE_ENV: 'production',
      },
    }),
  hasSchedule: false,
})
const OTHERS = [bullmq('BullMQ processor that loops', 'pipeline-loop'), bullmq('BullMQ step job', 'pipeline-step')]

/** Whole jobs at a steady rate: accept, create, three looks, one file over HTTP into nowhere, one webhook. */
export async function pipeline(context: Context): Promise<Row[]> {
  const { isQuick } = context
  const plan: Plan = isQuick
    ? { rates: [300], speed: 10, warmUpMs: 0, windowSeconds: 3 }
    : { rates: [200, 500, 1_000, 1_500], speed: 2.5, warmUpMs: 6_000, windowSeconds: 4 }
  const base = plan.rates[0] ?? 0
  const ours = await runWay(OURS, plan, context)
  const first = ours[0]
  if (first === undefined) throw new Error('no rate was measured')
  const rows = ours.map((step) => rowOf(OURS.name, step, { goal: GOAL, ok: meetsGoal(step) }))
  for (const way of isQuick ? OTHERS.slice(0, 1) : OTHERS) {
    const [step] = await runWay(way, { ...plan, rates: [base] }, context)
    if (step === undefined) continue
    const ratio = (first.nodeUs + first.redisUs) / (step.nodeUs + step.redisUs)
    rows.push(
      rowOf(way.name, step, {
        // What falls behind does the work of more jobs than it ends: its cost per job is no cost per job.
        ratio: first.isSteady && step.isSteady ? `ours is ${ratio.toFixed(2)}x` : 'not comparable',
      }),
    )
  }
  return rows
}

const GOAL = '≤ 300 + 190 µs, lag p99 ≤ 50 ms at 1,500/s'

function meetsGoal({ nodeUs, redisUs, lagP99Ms, isSteady }: Step): boolean {
  return nodeUs <= 300 && redisUs <= 190 && lagP99Ms <= 50 && isSteady
}

/** Raises the rate step by step until the worker falls behind. */
function runWay(way: Way, { rates, speed, warmUpMs, windowSeconds }: Plan, { say }: Context): Promise<Step[]> {
  return scoped(async (scope) => {
    const stand = await scope.stand()
    const vendor = await startVendor(scope, { succeedsAtLook: LOOKS })
    const worker = await way.start(scope, stand, vendor, speed)
    const intake = way.open(stand, vendor)
    scope.onEnd(() => intake.close())
    const lag = new PollLag(stand.redis)
    const arrivals = new Arrivals(intake, {
      prompt: (n) => (n % SAMPLED === 0 ? `s-${n}` : `t-${n}`),
      onAccepted: (jobId, prompt) => {
        if (way.hasSchedule && prompt.startsWith('s')) lag.add(jobId, prompt)
      },
    })
    scope.onEnd(async () => {
      arrivals.stop()
      lag.stop()
    })
    // Until jobs of this rate have come to their end.
    const rampMs = ((LOOKS + 0.6) * 5_000) / speed + 1_500
    const steps: Step[] = []
    arrivals.perSecond = rates[0] ?? 0
    await delay(warmUpMs)
    for (const rate of rates) {
      say(`pipeline: ${way.name} at ${rate} jobs/s`)
      arrivals.perSecond = rate
      await delay(rampMs)
      const step = await measureStep(
        { stand, vendor, worker, lag, sent: () => arrivals.sent, hasSchedule: way.hasSchedule },
        windowSeconds,
      )
      steps.push(step)
      lag.forget()
      await vendor.forgetLooks()
      if (!step.isSteady) break
    }
    return steps
  })
}

type Running = {
  stand: Stand
  vendor: Vendor
  worker: Child
  lag: PollLag
  sent: () => number
  hasSchedule: boolean
}

async function measureStep({ stand, vendor, worker, lag, sent, hasSchedule }: Running, windowSeconds: number) {
  const fromMs = Date.now()
  const [before, sentBefore] = [await vendor.counts(), sent()]
  const cost = await measure(worker, stand, () => delay(windowSeconds * 1000))
  const ended = (await vendor.counts()).webhooks - before.webhooks
  if (ended === 0) throw new Error(`no job came to its end:\n${worker.logTail}`)
  const arrived = sent() - sentBefore
  const { p50, p99 } = lag.lags(await vendor.looks(), fromMs, Date.now())
  const step: Step = {
    perSecond: ended / cost.seconds,
    nodeUs: cost.nodeUs / ended,
    redisUs: cost.redisUs / ended,
    commands: cost.commands / ended,
    lagP50Ms: p50,
    lagP99Ms: p99,
    isSteady: ended >= 0.95 * arrived && !(hasSchedule && p99 > STEADY_LAG_MS),
  }
  return step
}

function rowOf(name: string, step: Step, rest: Pick<Row, 'goal' | 'ok' | 'ratio'>): Row {
  const { perSecond, nodeUs, redisUs, commands, lagP50Ms, lagP99Ms, isSteady } = step
  const lag = Number.isNaN(lagP99Ms) ? '' : `, lag p50 ${lagP50Ms.toFixed(0)} p99 ${lagP99Ms.toFixed(0)} ms`
  const steady = isSteady ? '' : ', falls behind'
  const cost = `${microseconds(nodeUs)} + ${microseconds(redisUs)} µs/job, ${commands.toFixed(0)} commands`
  const values = { perSecond, nodeUs, redisUs, commands, lagP50Ms, lagP99Ms, isSteady: isSteady ? 1 : 0 }
  const measured = `${perSecond.toFixed(0)} jobs/s: ${cost}${lag}${steady}`
  return { part: 'pipeline', what: `whole job, ${name}`, measured, ...rest, values }
}
