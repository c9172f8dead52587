import type { Tracing } from './tracing.ts'
import type { TracingSettings } from './tracing-settings.ts'

/** The part of a pino logger that is used. */
export type TracingLog = Record<'info' | 'warn', (fields: object, message: string) => void>

/** Undefined where tracing is off, and then not even the libraries are loaded. */
export async function openTracing(
  settings: TracingSettings | undefined,
  log: TracingLog,
): Promise<Tracing | undefined> {
  if (settings === undefined) return undefined
  const { createOtelTracing } = await import('./otel-tracing.ts')
  const { serviceName, sampler, url } = settings
  log.info({ serviceName, sampler, collector: new URL(url).host }, 'tracing is on')
  return createOtelTracing(settings, log)
}
