import { setTimeout as delay } from 'node:timers/promises'
import { jobAttributes, openTracing, type Tracing, tracingSettings } from '@genqueue/tracing'
import { freePort } from '../../scripts/free-port.ts'
import { answersOk } from './child.ts'
import { costOf } from './cost-of.ts'
import { microseconds, type Row } from './row.ts'
import { scoped } from './scope.ts'
import { type WholeJob, wholeJobs } from './whole-jobs.ts'

const GOAL_OFF = 0.01
const SPANS = 20_000
/** Few enough that none is dropped while one batch is on its way. */
const AT_ONCE = 1_000

/**
 * Off: as many questions whether tracing is on as the worker asked for a job (it asks wherever it counts), times what one
 * costs. On: the spans of a real worker's job, times what one costs from its beginning until a collector has it; and the CPU
 * of that worker's jobs as it was.
 */
export async function tracingCost(seconds: number, off: WholeJob, say: (text: string) => void): Promise<Row[]> {
  say('instrumentation: whole jobs, traced')
  return scoped(async (scope) => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const collector = scope.child({
      script: 'bench/src/targets/trace-collector.ts',
      core: 'others',
      env: { PORT: `${port}` },
    })
    await answersOk(url, collector)
    const spansTold = async () => Number(await (await fetch(url)).text())
    const on = await wholeJobs(seconds, { OTEL_EXPORTER_OTLP_ENDPOINT: url }, spansTold)
    say('instrumentation: the cost of a span, and of asking whether there is to be one')
    const spanUs = await costOfSpan(url)
    const checkUs = costOfCheck(undefined)
    const offUs = off.counts * checkUs
    const onUs = on.spans * spanUs
    return [
      {
        part: 'instrumentation',
        what: 'tracing off, of a whole job in the worker',
        goal: `≤ ${GOAL_OFF * 100} % of its CPU`,
        ok: offUs / off.nodeUs <= GOAL_OFF,
        measured: `${off.counts.toFixed(1)} questions of ${(checkUs * 1000).toFixed(1)} ns: ${offUs.toFixed(3)} of ${microseconds(off.nodeUs)} µs`,
        ratio: `${((offUs / off.nodeUs) * 100).toFixed(4)} %`,
        values: { checkUs, offUs, share: offUs / off.nodeUs },
      },
      {
        part: 'instrumentation',
        what: 'tracing on, every trace told of',
        measured: `${on.spans.toFixed(1)} spans of ${microseconds(spanUs)} µs: ${microseconds(onUs)} µs; the whole job ${microseconds(on.nodeUs)} µs, without ${microseconds(off.nodeUs)}`,
        ratio: `${((onUs / off.nodeUs) * 100).toFixed(1)} %`,
        values: { spans: on.spans, spanUs, onUs, nodeUs: on.nodeUs, share: onUs / off.nodeUs },
      },
    ]
  })
}

/** As code asks that runs within a step or not. */
function costOfCheck(tracing: Tracing | undefined): number {
  let steps = 0
  return (
    costOf((n) => {
      const step = tracing?.isWithin ? tracing.begin(`step ${n}`, { kind: 'internal', attributes: { n } }) : undefined
      if (step) steps += 1
    }, 10_000_000) + steps
  )
}

/** Begun, described, ended, written as JSON and sent. */
async function costOfSpan(url: string): Promise<number> {
  const settings = tracingSettings({
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_SERVICE_NAME: 'bench',
    OTEL_TRACES_SAMPLER: 'always_on',
    OTEL_TRACES_SAMPLER_ARG: 1,
  })
  const nothing = () => undefined
  const tracing = await openTracing(settings, { info: nothing, warn: nothing })
  if (tracing === undefined) throw new Error('tracing is off')
  const job = { id: 'job_01M7XBWA7CQPXXNR4KNZMZC485', team: 'default', provider: 'runway', operation: 'text_to_video' }
  const attributes = { ...jobAttributes({ ...job, kind: 'video', model: 'gen4.5' }), 'genqueue.status': 'queued' }
  const many = async () => {
    for (let n = 0; n < SPANS; n += 1) {
      await tracing.step('process submit-runway', { kind: 'consumer', isQuiet: true, attributes }, async (step) => {
        step.set({ 'genqueue.outcome': 'done' })
        step.keep()
      })
      if (n % AT_ONCE === 0) await delay(20)
    }
  }
  await many()
  const before = process.cpuUsage()
  await many()
  await tracing.close()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / SPANS
}
