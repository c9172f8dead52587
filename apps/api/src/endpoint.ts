import { randomUUID } from 'node:crypto'
import { ProblemError } from '@genqueue/contract'
import type { Step } from '@genqueue/tracing'
import type { Identity } from './access/authenticate.ts'
import { clientAddress } from './access/client-address.ts'
import { corsHeaders } from './access/cors.ts'
import { countRequest } from './access/request-rate.ts'
import { securityHeaders } from './access/security-headers.ts'
import type { AppDeps } from './app-deps.ts'
import { problemOf, problemReply } from './problem-reply.ts'
import { type Reply, toResponse } from './reply.ts'
import type { ApiContext, Caller, Route } from './route.ts'
import { describeRequest, traceRequests } from './trace-requests.ts'

export type EndpointDeps = Pick<
  AppDeps,
  'authenticate' | 'log' | 'metrics' | 'tracing' | 'publicUrl' | 'config' | 'redis' | 'keys'
>

const NOBODY: Identity = { team: '', scopes: new Set(), actor: '', limits: {}, allowed: [] }
const SAFE_REQUEST_ID = /^[\w.:-]{1,128}$/

/**
 * A route as one Hono handler: request id, authentication, errors in the route's own shape and one log line. One
 * function instead of middleware, because a route with a single handler takes Hono's short way.
 */
export function endpoint(
  route: Route,
  { authenticate, log, metrics, tracing, publicUrl, config, redis, keys }: EndpointDeps,
): (c: ApiContext) => Promise<Response> {
  const pattern = `${route.method} ${route.path}`
  // Redaction would walk through every line, and all that stands in these is named below.
  const requestLog = log.child({}, { redact: [] })
  // The method of the pattern: callers may send any word as theirs.
  const labels = { route: route.path, method: route.method }
  const base = securityHeaders(publicUrl)
  const { corsOrigins, trustProxyHops } = config
  const handle = async (c: ApiContext, step?: Step) => {
    const startedMs = performance.now()
    const caller: Caller = { ...NOBODY, requestId: requestIdOf(c) }
    let reply: Reply
    let code: string | undefined
    let rate: Awaited<ReturnType<typeof countRequest>>
    try {
      if (!route.isPublic) {
        const { headers, url } = c.req.raw
        Object.assign(caller, await authenticate({ headers, url, address: () => clientAddress(c, trustProxyHops) }))
        rate = await countRequest(caller, { redis, keys })
        mayUse(route, caller)
      }
      reply = await route.handle(c, caller)
    } catch (error) {
      const problem = problemOf(error)
      code = problem.code
      reply = problemReply(problem, route.errors, caller.requestId)
      if (problem.status === 429) metrics.count('ratelimit_rejected_total', { limit: problem.code })
      if (problem.status >= 500) log.error({ requestId: caller.requestId, code, err: error }, 'request failed')
    }
    const durationMs = performance.now() - startedMs
    metrics.count('http_requests_total', { ...labels, code: String(reply.status) })
    metrics.observe('http_request_duration_seconds', labels, durationMs / 1000)
    if (step) describeRequest(step, reply.status, caller, code)
    requestLog.info(
      {
        method: c.req.method,
        route: pattern,
        status: reply.status,
        durationMs: Math.round(durationMs * 1000) / 1000,
        requestId: caller.requestId,
        team: caller.team,
        apiKeyId: caller.apiKeyId,
        code,
        traceId: step?.traceId,
      },
      'request',
    )
    const headers = corsOrigins.size === 0 ? base : { ...base, ...corsHeaders(c.req.raw.headers, corsOrigins) }
    return toResponse(reply, caller.requestId, rate ? { ...headers, ...rate } : headers, c.env?.outgoing)
  }
  return traceRequests(route, handle, tracing)
}

function mayUse({ scope }: Route, { scopes }: Caller): void {
  if (scope === undefined || scopes.has(scope)) return
  throw new ProblemError('forbidden', `This needs an API key with the scope ${scope}`)
}

/** The caller's own id where it is safe to repeat and to log, otherwise a new one. */
export function requestIdOf(c: ApiContext): string {
  const given = c.req.raw.headers.get('x-request-id')
  return given !== null && SAFE_REQUEST_ID.test(given) ? given : `req_${randomUUID()}`
}
