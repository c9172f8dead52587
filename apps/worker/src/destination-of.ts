import type { LeasedDelivery } from '@genqueue/jobs'

/**
 * Where a webhook goes and what signs it. `disabled`: it is kept for later; `gone`: the endpoint was deleted; `locked`:
 * its secrets do not open here.
 */
export type Destination = { url: string; keys: readonly Buffer[] } | 'disabled' | 'gone' | 'locked'

/** Read at every attempt, so that a corrected address or a new secret takes effect for what still waits. */
export type DestinationOf = (delivery: LeasedDelivery) => Promise<Destination>

/** The job's own URL, signed with the service's secrets; or the endpoint as it is now. */
export function destinationOf(
  keys: readonly Buffer[],
  endpoint: (team: string, endpointId: string) => Promise<Destination>,
): DestinationOf {
  return async ({ team, url, endpointId }) => {
    if (endpointId !== undefined) return endpoint(team, endpointId)
    return url === undefined ? 'gone' : { url, keys }
  }
}
