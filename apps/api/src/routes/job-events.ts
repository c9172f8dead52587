import { isTerminal, ProblemError } from '@genqueue/contract'
import type { AppDeps } from '../app-deps.ts'
import { eventId } from '../events/job-events.ts'
import { findJob } from '../find-job.ts'
import { isHandedOver } from '../hand-over.ts'
import type { Route } from '../route.ts'

// Nginx would hold events back until it has a page full of them.
const HEADERS = { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }

/** Following a job without webhooks and without asking again. */
export function jobEventRoutes(deps: AppDeps): Route[] {
  const { events, closing } = deps
  return [
    {
      method: 'GET',
      path: '/v1/jobs/:id/events',
      summary: 'Follow a job until it ends',
      tag: 'Jobs',
      errors: 'problem',
      scope: 'jobs:read',
      headers: { 'Last-Event-ID': 'The last event that was seen: what it told is not told again' },
      answers: {
        200: { description: 'Server-Sent Events', content: 'text/event-stream' },
        204: { description: 'The job has ended, and Last-Event-ID told so: do not come back' },
        503: { description: 'Too many follow jobs here, or the server ends' },
      },
      async handle(c, caller) {
        const job = await findJob(c, caller, deps)
        const lastEventId = c.req.raw.headers.get('last-event-id') ?? undefined
        if (isTerminal(job.status) && lastEventId === eventId(job)) return { status: 204 }
        if (c.req.method === 'HEAD') return { status: 200, headers: HEADERS }
        // The same path in other letters, as `%65vents`, comes here by the router alone.
        if (!isHandedOver(c.env?.outgoing))
          throw new ProblemError('not_found', 'Write the path as /v1/jobs/{id}/events')
        if (closing.aborted || events.isFull) {
          throw new ProblemError('unavailable', 'No more requests can follow jobs here; try again in a second')
        }
        return { status: 200, headers: HEADERS, body: (socket) => events.open(socket, job, lastEventId) }
      },
    },
  ]
}
