import { ProblemError } from '@genqueue/contract'
import { isBearer } from '@genqueue/metrics'
import type { AppDeps } from '../app-deps.ts'
import type { Route } from '../route.ts'

type Access = Pick<AppDeps['config'], 'adminPort' | 'allowKeyless' | 'metricsToken'>

/**
 * Whether a port has `/metrics`: the port of administrators where there is one. A port that callers reach tells them
 * nothing unless a token is set; on a developer's own machine nobody else reaches it.
 */
export function offersMetrics(
  { adminPort, allowKeyless, metricsToken }: Access,
  serves: 'all' | 'public' | 'admin',
): boolean {
  if (adminPort !== undefined) return serves === 'admin'
  return serves === 'all' && (metricsToken !== undefined || allowKeyless)
}

/** For a scraper; it carries the token where one is set, and never an API key. */
export function metricsRoute({ metrics, config }: Pick<AppDeps, 'metrics' | 'config'>): Route {
  return {
    method: 'GET',
    path: '/metrics',
    summary: 'Counters and gauges of this process, as Prometheus reads them',
    tag: 'Operations',
    errors: 'problem',
    isPublic: true,
    answers: { 200: { description: 'Text', content: 'text/plain' } },
    async handle(c) {
      const { metricsToken } = config
      if (metricsToken && !isBearer(c.req.header('authorization'), metricsToken.reveal())) {
        throw new ProblemError('unauthorized', 'Send METRICS_TOKEN as a bearer token')
      }
      const { contentType, text } = await metrics.render()
      return { status: 200, body: text, headers: { 'content-type': contentType } }
    },
  }
}
