import { DeliveryDetail, DeliveryList, DeliveryState, ProblemError, WebhookEndpointId } from '@genqueue/contract'
import type { Delivery } from '@genqueue/jobs'
import { z } from 'zod'
import type { AppDeps } from '../app-deps.ts'
import { findJob } from '../find-job.ts'
import { parseRequest } from '../invalid-request.ts'
import { json, type Reply } from '../reply.ts'
import type { ApiContext, Caller, Route } from '../route.ts'
import { deliveryCurl } from '../webhooks/delivery-curl.ts'
import { deliveryDetail, deliveryResource } from '../webhooks/delivery-view.ts'

const DeliveryId = z
  .string()
  .regex(/^msg_[0-9A-HJKMNP-TV-Z]{26}(_p\d{1,9})?(_[0-9A-HJKMNP-TV-Z]{26})?$/, 'must be an id, which begins with msg_')

const DeliveryListQuery = z.object({
  status: DeliveryState.optional(),
  endpoint: WebhookEndpointId.optional().meta({ description: 'Only those for this webhook endpoint' }),
  after: DeliveryId.optional().meta({ description: 'The last_id of the page before' }),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})

/** The delivery of the path. Another team's and one that never was are the same: not found. */
export async function findDelivery(c: ApiContext, { team }: Caller, { outbox }: AppDeps): Promise<Delivery> {
  const id = DeliveryId.safeParse(c.req.param('id'))
  const delivery = id.success ? await outbox.get(id.data) : undefined
  if (delivery?.team === team) return delivery
  throw new ProblemError('not_found', 'There is no delivery with this id', { param: 'id' })
}

/** Why a webhook did not come: what was sent to whom, when, and how it was answered. */
export function deliveryRoutes(deps: AppDeps): Route[] {
  const { outbox } = deps
  const base = { tag: 'Webhooks', errors: 'problem', scope: 'jobs:read', method: 'GET' } as const
  return [
    {
      ...base,
      path: '/v1/jobs/:id/deliveries',
      summary: 'List the deliveries of a job',
      answers: { 200: { description: 'One for its own URL and each endpoint that is told', schema: DeliveryList } },
      async handle(c, caller) {
        const { id } = await findJob(c, caller, deps)
        return page(await outbox.listForJob(id), { hasMore: false, lastId: undefined })
      },
    },
    {
      ...base,
      path: '/v1/deliveries',
      summary: 'List deliveries',
      query: DeliveryListQuery,
      answers: { 200: { description: 'The newest first', schema: DeliveryList } },
      async handle(c, { team }) {
        const given = Object.entries(c.req.query()).filter(([, value]) => value !== '')
        const { endpoint: endpointId, ...query } = parseRequest(DeliveryListQuery, Object.fromEntries(given))
        const { deliveries, ...rest } = await outbox.listByStatus(team, { ...query, endpointId })
        return page(deliveries, rest)
      },
    },
    {
      ...base,
      path: '/v1/deliveries/:id',
      summary: 'Look at a delivery and its attempts',
      answers: { 200: { description: 'With the last twenty attempts', schema: DeliveryDetail } },
      handle: async (c, caller) => json(200, deliveryDetail(await findDelivery(c, caller, deps))),
    },
    {
      ...base,
      path: '/v1/deliveries/:id/curl',
      summary: 'The last attempt as a curl command',
      answers: { 200: { description: 'Address, headers and body as they were sent', content: 'text/plain' } },
      async handle(c, caller) {
        const body = deliveryCurl(await findDelivery(c, caller, deps))
        return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body }
      },
    },
  ]
}

function page(deliveries: readonly Delivery[], rest: { hasMore: boolean; lastId: string | undefined }): Reply {
  const data = deliveries.map(deliveryResource)
  const list: DeliveryList = {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    // A filter that matches little may end a page behind what it shows.
    last_id: (rest.hasMore ? rest.lastId : data.at(-1)?.id) ?? null,
    has_more: rest.hasMore,
  }
  return json(200, list)
}
