import { setImmediate as turn } from 'node:timers/promises'
import { startTraceCollector, type TraceCollector } from '@genqueue/simulator'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openTracing } from './open-tracing.ts'
import type { Tracing } from './tracing.ts'
import { type TracingSettings, tracingSettings } from './tracing-settings.ts'

const CALLER = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const UNRECORDED = CALLER.replace(/1$/, '0')
const INTERNAL = { kind: 'internal', attributes: {} } as const
const lines: string[] = []
const log = {
  info: (_: object, text: string) => void lines.push(text),
  warn: (_: object, text: string) => void lines.push(text),
}

let collector: TraceCollector
beforeEach(async () => {
  collector = await startTraceCollector()
  lines.length = 0
})
afterEach(() => collector.close())

async function open(more: Partial<TracingSettings> = {}): Promise<Tracing> {
  const settings = tracingSettings({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_SERVICE_NAME: 'test',
    OTEL_TRACES_SAMPLER: 'parentbased_always_on',
    OTEL_TRACES_SAMPLER_ARG: 1,
  })
  const tracing = settings && (await openTracing({ ...settings, ...more }, log))
  if (!tracing) throw new Error('tracing is off')
  return tracing
}

const told = () => Object.fromEntries(collector.spans().map((span) => [span.name, span]))

test('steps within steps are one trace, whatever is awaited between; those of another trace are linked', async () => {
  const tracing = await open()
  await tracing.step('outer', { ...INTERNAL, parent: CALLER }, async () => {
    await turn()
    await tracing.step('inner', { ...INTERNAL, parent: CALLER }, async (inner) => {
      await turn()
      inner.set({ bytes: 7, nothing: undefined })
    })
    await tracing.step('elsewhere', { ...INTERNAL, parent: CALLER.replace('0af', '1af') }, turn)
  })
  expect(tracing.isWithin).toBe(false)
  await tracing.step('alone', INTERNAL, turn)
  await tracing.close()
  const { outer, inner, elsewhere, alone } = told()
  expect(outer).toMatchObject({ traceId: CALLER.slice(3, 35), parentSpanId: CALLER.slice(36, 52), service: 'test' })
  expect(inner).toMatchObject({ traceId: outer?.traceId, parentSpanId: outer?.spanId, attributes: { bytes: 7 } })
  expect(elsewhere?.traceId).toMatch(/^1af/)
  expect(elsewhere?.links).toEqual([expect.objectContaining({ traceId: outer?.traceId, spanId: outer?.spanId })])
  expect(alone?.traceId).not.toBe(outer?.traceId)
})

test('a quiet step is told of only if something happened in it', async () => {
  const tracing = await open()
  const quiet = { ...INTERNAL, isQuiet: true }
  await tracing.step('nothing', quiet, turn)
  await tracing.step('kept', quiet, async (step) => step.keep())
  await tracing.step('called', quiet, async () => tracing.begin('call', INTERNAL).end())
  await expect(tracing.step('threw', quiet, () => Promise.reject(new Error('a secret')))).rejects.toThrow('a secret')
  await tracing.close()
  expect(Object.keys(told()).toSorted()).toEqual(['call', 'called', 'kept', 'threw'])
  expect(told()['threw']).toMatchObject({ attributes: { 'error.type': 'Error' }, status: { code: 2 } })
  expect(collector.bodies.join()).not.toContain('a secret')
})

test('what a caller does not record is not told of, and says so to those who come after', async () => {
  const tracing = await open()
  const passedOn = await tracing.step(
    'unrecorded',
    { ...INTERNAL, parent: UNRECORDED },
    async (step) => step.traceparent,
  )
  await tracing.close()
  expect(passedOn).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/)
  expect(collector.bodies).toEqual([])

  const always = await open({ sampler: 'always_on' })
  await always.step('recorded', { ...INTERNAL, parent: UNRECORDED }, turn)
  await always.close()
  expect(Object.keys(told())).toEqual(['recorded'])
})

test.each(['away', 'hanging'])(
  'a collector that is %s costs a moment at the end and nothing before it',
  async (state) => {
    const other = await startTraceCollector({ hangs: true })
    if (state === 'away') await other.close()
    const tracing = await open({ url: other.url })
    const startedMs = performance.now()
    // More than there is room for.
    for (let n = 0; n < 6_000; n += 1) tracing.begin('lost', INTERNAL).end()
    await turn()
    await tracing.close()
    // The library by itself would wait for five seconds.
    expect(performance.now() - startedMs).toBeLessThan(4_000)
    if (state === 'hanging') await other.close()
  },
)

test('a collector that refuses everything is told of once', async () => {
  const refusing = await startTraceCollector({ status: 403 })
  const tracing = await open({ url: refusing.url })
  for (let n = 0; n < 2_000; n += 1) tracing.begin('refused', INTERNAL).end()
  await tracing.close()
  expect(refusing.bodies.length).toBeGreaterThan(1)
  expect(lines.filter((line) => line === 'traces are not taken')).toHaveLength(1)
  await refusing.close()
})
