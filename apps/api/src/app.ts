import { ProblemError } from '@genqueue/contract'
import { Hono } from 'hono'
import { preflightHeaders } from './access/cors.ts'
import { securityHeaders } from './access/security-headers.ts'
import type { AppDeps } from './app-deps.ts'
import { endpoint, requestIdOf } from './endpoint.ts'
import { type ErrorShape, problemOf, problemReply } from './problem-reply.ts'
import { toResponse } from './reply.ts'
import type { ApiContext, Route } from './route.ts'
import { auditRoutes } from './routes/audit.ts'
import { deliveryRoutes } from './routes/deliveries.ts'
import { fileRoutes } from './routes/files.ts'
import { hookRoutes } from './routes/hooks.ts'
import { imageRoutes } from './routes/images.ts'
import { jobEventRoutes } from './routes/job-events.ts'
import { jobRoutes } from './routes/jobs.ts'
import { keyRoutes } from './routes/keys.ts'
import { metricsRoute, offersMetrics } from './routes/metrics.ts'
import { insteadOf } from './routes/not-offered.ts'
import { operationRoutes } from './routes/operations.ts'
import { providerRoutes } from './routes/providers.ts'
import { redeliveryRoutes } from './routes/redeliveries.ts'
import { teamRoutes } from './routes/teams.ts'
import { usageRoutes } from './routes/usage.ts'
import { videoRoutes } from './routes/videos.ts'
import { webhookEndpointRoutes } from './routes/webhook-endpoints.ts'
import { webhookEventRoutes } from './routes/webhook-events.ts'

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** What a port serves: everything, or all but the routes of administrators, or these and the probes. */
type Serves = 'all' | 'public' | 'admin'

/** The API as a function from request to response: no port, no connection, no timer. */
export function createApp(deps: AppDeps, serves: Serves = 'all') {
  const all: Route[] = [
    ...videoRoutes(deps),
    ...imageRoutes(deps),
    ...fileRoutes(deps),
    ...jobRoutes(deps),
    ...jobEventRoutes(deps),
  ]
  all.push(
    ...webhookEndpointRoutes(deps),
    ...webhookEventRoutes(deps),
    ...deliveryRoutes(deps),
    ...redeliveryRoutes(deps),
  )
  all.push(...hookRoutes(deps), ...keyRoutes(deps), ...teamRoutes(deps), ...auditRoutes(deps))
  all.push(...providerRoutes(deps), ...usageRoutes(deps))
  const routes = all.filter(({ path }) => serves === 'all' || path.startsWith('/api/') === (serves === 'admin'))
  routes.push(...operationRoutes(deps, () => routes))
  if (offersMetrics(deps.config, serves)) routes.push(metricsRoute(deps))

  const app = new Hono<{ Bindings: ApiContext['env'] }>()
  for (const route of routes) app.on(route.method, route.path, endpoint(route, deps))

  // Asked only here: a second handler for every path would make every request take Hono's long way.
  const allowedAt = (path: string) => METHODS.filter((method) => app.router.match(method, path)[0].length > 0)
  const unknown = (errors: ErrorShape) =>
    endpoint(
      {
        method: 'GET',
        path: '*',
        summary: '',
        tag: 'Operations',
        errors,
        isPublic: true,
        answers: {},
        handle(c) {
          const instead = insteadOf(c.req.method, c.req.path)
          if (instead !== undefined) throw new ProblemError('not_supported', instead)
          const allowed = allowedAt(c.req.path)
          if (allowed.length === 0) throw new ProblemError('not_found', 'There is nothing at this address')
          const allow = (allowed.includes('GET') ? [...allowed, 'HEAD'] : allowed).join(', ')
          const preflight = preflightHeaders(c.req.raw.headers, deps.config.corsOrigins, allow)
          if (c.req.method === 'OPTIONS' && preflight !== undefined) return { status: 204, headers: preflight }
          throw new ProblemError('method_not_allowed', `Only ${allow} may be used here`, { headers: { allow } })
        },
      },
      deps,
    )
  const unknownOpenai = unknown('openai')
  const unknownOther = unknown('problem')
  // Behind every endpoint's own handling: an answer that could not even be put together.
  app.onError((error, c) => {
    deps.log.error({ err: error }, 'answer failed')
    const requestId = requestIdOf(c)
    return toResponse(problemReply(problemOf(error), 'problem', requestId), requestId, securityHeaders(deps.publicUrl))
  })
  app.notFound((c) =>
    /^\/v1\/(videos|images|files|webhook_endpoints|webhook_event_types)(\/|$)/.test(c.req.path)
      ? unknownOpenai(c)
      : unknownOther(c),
  )
  return app
}
