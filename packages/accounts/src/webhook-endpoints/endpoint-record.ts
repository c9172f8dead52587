import { subscribedTypes, WebhookEndpointId, WebhookSubscriptions } from '@genqueue/contract'
import { z } from 'zod'
import type { Place } from '../envelope/envelope.ts'

/**
 * A registered endpoint as it is stored, in the hash of its team. The scripts of the jobs package read `eventTypes` and
 * `status` when a job ends, and disable an endpoint in place.
 */
export const EndpointRecord = z.object({
  id: WebhookEndpointId,
  name: z.string(),
  url: z.string(),
  /** As the caller named them. */
  subscriptions: z.array(z.string()),
  /** What they stand for: scripts compare and know no patterns. */
  eventTypes: z.array(z.string()),
  status: z.enum(['enabled', 'disabled']),
  disabledReason: z.enum(['gone', 'failing', 'requested']).optional(),
  hint: z.string(),
  /** Sealed, the current one first; one that was replaced signs until it ends. */
  secrets: z.array(z.object({ sealed: z.string(), expiresAtMs: z.number().optional() })).min(1),
  createdAtMs: z.number(),
  updatedAtMs: z.number(),
})
export type EndpointRecord = z.infer<typeof EndpointRecord>

/** What a team decides about an endpoint. */
export const EndpointSettings = z.object({
  name: z.string(),
  url: z.string(),
  subscriptions: WebhookSubscriptions,
  status: EndpointRecord.shape.status,
})
export type EndpointSettings = z.infer<typeof EndpointSettings>

/** A team's endpoints by id. */
export function endpointsKey(prefix: string, team: string): string {
  return `${prefix}:endpoints:${team}`
}

export function endpointSecretPlace(team: string, id: string): Place {
  return { owner: team, id, field: 'signing_secret' }
}

/** The record under these settings; the same one when nothing has changed. */
export function withSettings(record: EndpointRecord, settings: EndpointSettings, nowMs: number): EndpointRecord {
  const { name, url, subscriptions, status } = settings
  const isSame =
    name === record.name &&
    url === record.url &&
    status === record.status &&
    subscriptions.join() === record.subscriptions.join()
  if (isSame) return record
  const { disabledReason, ...rest } = record
  const reason = status === 'disabled' ? (disabledReason ?? 'requested') : undefined
  return {
    ...rest,
    name,
    url,
    subscriptions,
    eventTypes: subscribedTypes(subscriptions),
    status,
    ...(reason && { disabledReason: reason }),
    updatedAtMs: nowMs,
  }
}

export function parseEndpoint(text: string | null): EndpointRecord | undefined {
  return text === null ? undefined : EndpointRecord.parse(JSON.parse(text))
}
