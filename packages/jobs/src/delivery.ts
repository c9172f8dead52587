import type { WebhookEvent } from '@genqueue/contract'
import { z } from 'zod'
import { jobResource } from './job-resource.ts'
import type { JobRecord } from './record.ts'

const ULID_START = 'job_'.length
const MAX_BODY_BYTES = 20_000

/** How one attempt to call a receiver ended. */
export const DeliveryAttempt = z.object({
  atMs: z.number(),
  durationMs: z.number(),
  /** HTTP status, when there was an answer. */
  status: z.number().optional(),
  /** `blocked`, `dns`, `connect`, `tls`, `timeout`, `http_5xx` …: a class, never an address. */
  error: z.string().optional(),
})
export type DeliveryAttempt = z.infer<typeof DeliveryAttempt>

export const DeliveryStatus = z.enum(['pending', 'delivered', 'exhausted', 'gone', 'blocked'])
export type DeliveryStatus = z.infer<typeof DeliveryStatus>

/** Telling one endpoint about one event; id and body are the same on every attempt. */
export const Delivery = z.object({
  id: z.string(),
  jobId: z.string(),
  team: z.string(),
  url: z.string(),
  type: z.string(),
  body: z.string(),
  createdAtMs: z.coerce.number(),
  status: DeliveryStatus,
  attempts: z.coerce.number(),
  log: z.array(DeliveryAttempt),
})
export type Delivery = z.infer<typeof Delivery>

/** The delivery rows that the end of this job calls for: rendered once, written with the terminal status. */
export function renderDeliveries(job: JobRecord, publicUrl: string, nowMs: number): { id: string; fields: string[] }[] {
  const { webhookUrl } = job.request
  if (webhookUrl === undefined) return []
  const ulid = job.id.slice(ULID_START)
  const id = `msg_${ulid}`
  const type = eventType(job)
  const fields = {
    id,
    jobId: job.id,
    team: job.team,
    url: webhookUrl,
    type,
    body: renderBody(job, type, `evt_${ulid}`, publicUrl, nowMs),
    createdAtMs: String(nowMs),
    status: 'pending',
    attempts: '0',
    log: '[]',
  }
  return [{ id, fields: Object.entries(fields).flat() }]
}

export function decodeDelivery(hash: Readonly<Record<string, string>>): Delivery | undefined {
  if (hash['id'] === undefined) return undefined
  return Delivery.parse({ ...hash, log: JSON.parse(hash['log'] ?? '[]') })
}

function eventType(job: JobRecord): WebhookEvent['type'] {
  switch (job.status) {
    case 'succeeded':
      return `${job.kind}.completed`
    case 'canceled':
      return `${job.kind}.canceled`
    default:
      return `${job.kind}.failed`
  }
}

function renderBody(job: JobRecord, type: WebhookEvent['type'], id: string, publicUrl: string, nowMs: number): string {
  const event: WebhookEvent = {
    id,
    object: 'event',
    type,
    created_at: Math.floor(nowMs / 1000),
    timestamp: new Date(nowMs).toISOString(),
    data: jobResource(job, publicUrl),
  }
  const body = JSON.stringify(event)
  if (Buffer.byteLength(body) <= MAX_BODY_BYTES) return body
  // Receivers are told to expect at most 20 KB: what the job's own resource also says is left out first.
  const { data } = event
  return JSON.stringify({ ...event, data: { ...data, outputs: data.outputs.slice(0, 20), metadata: {} } })
}
