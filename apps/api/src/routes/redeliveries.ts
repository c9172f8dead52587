import { DeliveryResource, ProblemError, RedeliverReport, RedeliverRequest } from '@genqueue/contract'
import { noteChange } from '../access/admin-change.ts'
import { countAction } from '../access/request-rate.ts'
import type { AppDeps } from '../app-deps.ts'
import { findJob } from '../find-job.ts'
import { parseRequest } from '../invalid-request.ts'
import { readJsonBody } from '../read-json-body.ts'
import { json } from '../reply.ts'
import type { Caller, Route } from '../route.ts'
import { deliveryResource } from '../webhooks/delivery-view.ts'
import { findDelivery } from './deliveries.ts'

/** Of one delivery or of one job's. */
const SINGLE = { name: 'redeliveries', perSecond: 10 }
/** Each moves thousands. */
const BULK = { name: 'bulk-redeliveries', perSecond: 1 }

/** Sending again what was sent before, or was to be: same id, same bytes. */
export function redeliveryRoutes(deps: AppDeps): Route[] {
  const { outbox, endpoints, config } = deps
  const base = { tag: 'Webhooks', errors: 'problem', scope: 'webhooks:manage', method: 'POST' } as const

  /** Why it is no use to send to the endpoint now; nothing for a job's own URL. */
  const refusal = async (
    { team }: Caller,
    id: string | undefined,
    param: string,
  ): Promise<ProblemError | undefined> => {
    if (id === undefined) return undefined
    const endpoint = await endpoints.get(team, id)
    if (!endpoint) return new ProblemError('not_found', 'There is no such webhook endpoint any more', { param })
    if (endpoint.status === 'enabled') return undefined
    return new ProblemError('endpoint_disabled', 'Enable the endpoint first: what is sent to it now is held', { param })
  }

  return [
    {
      ...base,
      path: '/v1/deliveries/:id/redeliver',
      summary: 'Send a delivery again, at once',
      answers: { 202: { description: 'It is due now', schema: DeliveryResource } },
      async handle(c, caller) {
        const delivery = await findDelivery(c, caller, deps)
        await countAction(caller, SINGLE, deps)
        const refused = await refusal(caller, delivery.endpointId, 'id')
        if (refused) throw refused
        // One that is on the wire right now is being delivered: nothing more is to be done.
        await outbox.redeliver(delivery.id)
        return json(202, deliveryResource((await outbox.get(delivery.id)) ?? delivery))
      },
    },
    {
      ...base,
      path: '/v1/jobs/:id/redeliver',
      summary: 'Send all deliveries of a job but those of its progress again, at once',
      answers: { 202: { description: 'How many', schema: RedeliverReport } },
      async handle(c, caller) {
        const { id } = await findJob(c, caller, deps)
        await countAction(caller, SINGLE, deps)
        let redelivered = 0
        for (const delivery of await outbox.listForJob(id)) {
          // How far it was is of no use to anybody once it has ended.
          if (delivery.type.endsWith('.progress') || (await refusal(caller, delivery.endpointId, 'id'))) continue
          const outcome = await outbox.redeliver(delivery.id)
          if (outcome === 'redelivered' || outcome === 'sending') redelivered += 1
        }
        return json(202, report(redelivered))
      },
    },
    {
      ...base,
      path: '/v1/redeliveries',
      summary: 'Send again what nobody took, or what was held, since a time',
      body: { schema: RedeliverRequest, multipart: false },
      answers: {
        202: { description: 'How many; with has_more, go on from next_since', schema: RedeliverReport },
      },
      async handle(c, caller) {
        const request = parseRequest(RedeliverRequest, await readJsonBody(c.req.raw, config.limits))
        const { since, endpoint_id: endpointId, status } = request
        const refused = await refusal(caller, endpointId, 'endpoint_id')
        if (refused) throw refused
        await countAction(caller, BULK, deps)
        const { redelivered, nextSinceMs } = await outbox.redeliverFailedSince(caller.team, since * 1000, {
          ...(endpointId !== undefined && { endpointId }),
          ...(status !== undefined && { statuses: [status] }),
        })
        const detail = { since, redelivered, ...(endpointId && { endpoint_id: endpointId }), ...(status && { status }) }
        await noteChange(caller, deps, { action: 'deliveries.redeliver', target: caller.team, detail })
        return json(202, report(redelivered, nextSinceMs))
      },
    },
  ]
}

function report(redelivered: number, nextSinceMs?: number): RedeliverReport {
  const isAll = nextSinceMs === undefined
  const next_since = isAll ? null : Math.floor(nextSinceMs / 1000)
  return { object: 'redelivery', redelivered, has_more: !isAll, next_since }
}
