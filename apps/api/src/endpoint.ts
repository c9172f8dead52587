import { randomUUID } from 'node:crypto'
import { ProblemError, type Scope } from '@genqueue/contract'
import type { Logger } from 'pino'
import type { Authenticate } from './authenticate.ts'
import { problemOf, problemReply } from './problem-reply.ts'
import { type Reply, toResponse } from './reply.ts'
import type { ApiContext, Caller, Route } from './route.ts'

export type EndpointDeps = { authenticate: Authenticate; log: Logger }

const NONE: ReadonlySet<Scope> = new Set()
const SAFE_REQUEST_ID = /^[\w.:-]{1,128}$/

/**
 * A route as one Hono handler: request id, authentication, errors in the route's own shape and one log line. One
 * function instead of middleware, because a route with a single handler takes Hono's short way.
 */
export function endpoint(route: Route, { authenticate, log }: EndpointDeps): (c: ApiContext) => Promise<Response> {
  const pattern = `${route.method} ${route.path}`
  // Redaction would walk through every line, and all that stands in these is named below.
  const requestLog = log.child({}, { redact: [] })
  return async (c) => {
    const startedMs = performance.now()
    const caller: Caller = { team: '', scopes: NONE, requestId: requestIdOf(c) }
    let reply: Reply
    let code: string | undefined
    try {
      if (!route.isPublic) {
        Object.assign(caller, authenticate(c.req.raw))
        mayUse(route, caller)
      }
      reply = await route.handle(c, caller)
    } catch (error) {
      const problem = problemOf(error)
      code = problem.code
      reply = problemReply(problem, route.errors, caller.requestId)
      if (problem.status >= 500) log.error({ requestId: caller.requestId, code, err: error }, 'request failed')
    }
    requestLog.info(
      {
        method: c.req.method,
        route: pattern,
        status: reply.status,
        durationMs: Math.round((performance.now() - startedMs) * 1000) / 1000,
        requestId: caller.requestId,
        team: caller.team,
        code,
      },
      'request',
    )
    return toResponse(reply, caller.requestId)
  }
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
