import type { Step, Tracing } from '@genqueue/tracing'
import type { ApiContext, Caller, Route } from './route.ts'

type Handle = (c: ApiContext, step?: Step) => Promise<Response>

/** Shows requests as traces, or as parts of their callers' traces. Probes and documents are left out. */
export function traceRequests(
  { method, path, tag }: Route,
  handle: Handle,
  tracing: Tracing | undefined,
): (c: ApiContext) => Promise<Response> {
  if (tracing === undefined || tag === 'Operations') return (c) => handle(c)
  // The pattern of the path: paths hold ids, and tokens of vendors' callbacks.
  const attributes = { 'http.request.method': method, 'http.route': path }
  return (c) => {
    const parent = c.req.raw.headers.get('traceparent') ?? undefined
    return tracing.step(`${method} ${path}`, { kind: 'server', parent, attributes }, (step) => handle(c, step))
  }
}

/** How the request of a step was answered, and to whom. What a caller did wrong is no failure of ours. */
export function describeRequest(
  step: Step,
  status: number,
  { requestId, team, apiKeyId }: Caller,
  code?: string,
): void {
  step.set({
    'http.response.status_code': status,
    'genqueue.request.id': requestId,
    'genqueue.team': team || undefined,
    'genqueue.api_key.id': apiKeyId,
    'error.type': code,
  })
  if (status >= 500) step.fail(code ?? String(status))
}
