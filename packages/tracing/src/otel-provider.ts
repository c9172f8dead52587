import { randomUUID } from 'node:crypto'
import type { Tracer } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { TracingLog } from './open-tracing.ts'
import type { TracingSettings } from './tracing-settings.ts'

const EXPORT_TIMEOUT_MS = 5_000
const EXPORT_EVERY_MS = 2_000
/** Spans that wait for a collector; what is beyond is dropped. */
const MAX_WAITING = 4_096
/** A process that is to end waits so long for its last traces to be taken. */
const LAST_EXPORT_MS = 1_000
const MAX_VALUE_CHARS = 256

/** The library, set up: spans are sent in batches behind everybody's back, and dropped where nobody takes them. */
export function openProvider(
  settings: TracingSettings,
  log: TracingLog,
): { getTracer(name: string): Tracer; close(): Promise<void> } {
  const { url, headers, serviceName } = settings
  const exporter = new OTLPTraceExporter({
    url,
    headers: Object.fromEntries(headers.map(({ name, value }) => [name, value.reveal()])),
    timeoutMillis: EXPORT_TIMEOUT_MS,
    concurrencyLimit: 4,
  })
  const provider = new TracerProvider({
    sampler: samplerOf(settings),
    resource: defaultResource().merge(
      resourceFromAttributes({ 'service.name': serviceName, 'service.instance.id': randomUUID() }),
    ),
    spanLimits: { attributeValueLengthLimit: MAX_VALUE_CHARS },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: telling(exporter, log),
        scheduledDelayMillis: EXPORT_EVERY_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
        maxQueueSize: MAX_WAITING,
      }),
    ],
  })
  return {
    getTracer: (name) => provider.getTracer(name),
    close: () => within(LAST_EXPORT_MS, provider.shutdown()),
  }
}

function samplerOf({ sampler, ratio }: TracingSettings): Sampler {
  const [name, isParentBased] = [sampler.replace('parentbased_', ''), sampler.startsWith('parentbased_')]
  const root =
    name === 'traceidratio'
      ? new TraceIdRatioBasedSampler(ratio)
      : name === 'always_off'
        ? new AlwaysOffSampler()
        : new AlwaysOnSampler()
  return isParentBased ? new ParentBasedSampler({ root }) : root
}

/** Tells once when a collector takes nothing, and once when it does again; the library would tell of every batch. */
function telling(exporter: SpanExporter, log: TracingLog): SpanExporter {
  let isTaken = true
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const wasTaken = isTaken
        isTaken = result.code === 0
        if (wasTaken && !isTaken) log.warn({ detail: result.error?.message }, 'traces are not taken')
        if (!wasTaken && isTaken) log.info({}, 'traces are taken again')
        done({ code: 0 })
      })
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  }
}

/** Never rejects. */
async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, timeoutMs)
  await Promise.race([work.catch(() => undefined), promise])
  clearTimeout(timer)
}
