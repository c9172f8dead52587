import type { EndpointRecord } from '@genqueue/accounts'
import { ProblemError, WebhookEndpointId } from '@genqueue/contract'
import type { AppDeps } from '../app-deps.ts'
import type { ApiContext, Caller } from '../route.ts'

/** The endpoint of the path. Another team's and one that never was are the same: not found. */
export async function findEndpoint(c: ApiContext, { team }: Caller, { endpoints }: AppDeps): Promise<EndpointRecord> {
  const id = WebhookEndpointId.safeParse(c.req.param('id'))
  return foundEndpoint(id.success ? await endpoints.get(team, id.data) : undefined)
}

export function foundEndpoint<Value>(value: Value | undefined): Value {
  if (value !== undefined) return value
  throw new ProblemError('not_found', 'There is no webhook endpoint with this id', { param: 'id' })
}
