import { AsyncLocalStorage } from 'node:async_hooks'
import { type Context, ROOT_CONTEXT, type SpanContext, SpanKind, type Tracer, trace } from '@opentelemetry/api'
import { OpenStep } from './open-step.ts'
import type { TracingLog } from './open-tracing.ts'
import { openProvider } from './otel-provider.ts'
import { readTraceparent } from './traceparent.ts'
import type { StepOptions, Tracing } from './tracing.ts'
import type { TracingSettings } from './tracing-settings.ts'

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const
/** What is thrown may carry any text as its code. */
const STABLE_CODE = /^[\w.:-]{1,64}$/

/** Tracing by OpenTelemetry. Nothing global is set: a process may hold several. */
export function createOtelTracing(settings: TracingSettings, log: TracingLog): Tracing {
  const provider = openProvider(settings, log)
  const tracer = provider.getTracer('genqueue')
  const around = new AsyncLocalStorage<OpenStep>()
  return {
    async step(name, options, run) {
      const step = start(tracer, name, options, around.getStore())
      try {
        return await around.run(step, () => run(step))
      } catch (error) {
        step.fail(codeOf(error))
        throw error
      } finally {
        step.end()
      }
    },
    begin: (name, options) => start(tracer, name, options, around.getStore()),
    get isWithin() {
      return around.getStore() !== undefined
    },
    close: () => provider.close(),
  }
}

function start(
  tracer: Tracer,
  name: string,
  { kind, parent, isQuiet = false, startedAtMs, attributes }: StepOptions,
  outer: OpenStep | undefined,
): OpenStep {
  const given = parent === undefined ? undefined : remote(parent)
  const isOwnTrace = outer !== undefined && (given === undefined || given.traceId === outer.traceId)
  const link = outer !== undefined && !isOwnTrace ? { links: [{ context: outer.span.spanContext() }] } : {}
  const began = startedAtMs === undefined ? {} : { startTime: startedAtMs }
  outer?.keep()
  const span = tracer.startSpan(
    name,
    { kind: KINDS[kind], attributes, ...link, ...began },
    isOwnTrace ? trace.setSpan(ROOT_CONTEXT, outer.span) : contextOf(given),
  )
  return new OpenStep(span, isQuiet)
}

function contextOf(given: SpanContext | undefined): Context {
  return given ? trace.setSpanContext(ROOT_CONTEXT, given) : ROOT_CONTEXT
}

function remote(traceparent: string): SpanContext | undefined {
  const context = readTraceparent(traceparent)
  return context && { traceId: context.traceId, spanId: context.spanId, traceFlags: context.flags, isRemote: true }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'error'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return STABLE_CODE.test(code) ? code : 'error'
}
