import type { ProviderName } from '@genqueue/contract'
import type { Meter } from '@genqueue/metrics'
import type { OnRequest } from '@genqueue/providers'
import type { Tracing } from '@genqueue/tracing'
import type { CopyOutcome } from './copy-output.ts'
import { traceRequest } from './trace-outside.ts'

/** Counts every request to the vendor, and shows it in the trace of the step that makes it. */
export function countRequest(provider: ProviderName, meter: Meter, tracing?: Tracing): OnRequest {
  return (request) => {
    const { op } = request
    const onEnd = traceRequest(provider, request, tracing)
    return (end) => {
      meter.count('upstream_requests_total', { provider, op, code: String(end.code) })
      meter.observe('upstream_request_duration_seconds', { provider, op }, end.durationMs / 1000)
      onEnd?.(end)
    }
  }
}

/** Counts the copy of one output when it has ended. */
export async function countCopy(copying: Promise<CopyOutcome>, meter: Meter): Promise<CopyOutcome> {
  const startedMs = performance.now()
  const outcome = await copying
  meter.observe('copy_duration_seconds', { outcome: outcome.kind }, (performance.now() - startedMs) / 1000)
  if (outcome.kind === 'copied') meter.count('copy_bytes_total', {}, outcome.output.bytes)
  else meter.count('copy_failures_total', { reason: outcome.failure.code })
  return outcome
}
