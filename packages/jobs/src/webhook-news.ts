import type { WebhookEvent } from '@genqueue/contract'
import { jobResource } from './job-resource.ts'
import type { JobRecord } from './record.ts'

const ULID_START = 'job_'.length
/** Receivers are told to expect no more. */
const MAX_BODY_BYTES = 20_000
const MAX_LISTED_OUTPUTS = 20
const DAY_MS = 86_400_000
/** Of deliveries that have ended. */
export const KEEP_DELIVERIES_MS = 30 * DAY_MS
/** From when they were made: they may be pending for some days first. */
export const KEEP_IN_LIST_MS = 45 * DAY_MS

/** What the end of this job tells: rendered once, for tell.lua. The job's own URL only if it wants events of this type. */
export function webhookNews(job: JobRecord, publicUrl: string, nowMs: number): string[] {
  const type = eventType(job)
  const { webhookUrl, webhookEvents = [] } = job.request
  const isWanted = webhookEvents.length === 0 || webhookEvents.includes(type) || webhookEvents.includes('*')
  const url = isWanted ? (webhookUrl ?? '') : ''
  const polls = 'polls' in job ? (job.polls ?? 0) : 0
  // Above that of the last look, which another process may be telling of.
  const event = { id: `evt_${job.id.slice(ULID_START)}`, type, sequence: polls + 2 }
  const body = renderBody(job, event, publicUrl, nowMs)
  const destination = url && hostDestination(job.team, url)
  const keep = [`${KEEP_DELIVERIES_MS}`, `${KEEP_IN_LIST_MS}`]
  return [job.id.slice(ULID_START), type, body, url, destination, ...keep, job.hold?.apiKeyId ?? '']
}

/** Where webhooks of jobs to this URL wait: with those of the team's other jobs to its host. */
export function hostDestination(team: string, url: string): string {
  return `host:${team}:${URL.parse(url)?.host ?? ''}`
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

/** At most 20 KB, whatever was written into the job. */
export function renderBody(
  job: JobRecord,
  { id, type, sequence }: Pick<WebhookEvent, 'id' | 'type' | 'sequence'>,
  publicUrl: string,
  nowMs: number,
): string {
  const event: WebhookEvent = {
    id,
    object: 'event',
    type,
    sequence,
    created_at: Math.floor(nowMs / 1000),
    timestamp: new Date(nowMs).toISOString(),
    data: jobResource(job, publicUrl),
  }
  for (const data of shorterAndShorter(event.data)) {
    const body = JSON.stringify({ ...event, data })
    if (Buffer.byteLength(body) <= MAX_BODY_BYTES) return body
  }
  throw new Error('An event does not fit, whatever is left out')
}

/** Leaves out what the job's own resource also says; last of all the metadata that callers know their jobs by. */
function* shorterAndShorter(data: WebhookEvent['data']): Generator<WebhookEvent['data']> {
  yield data
  const short = { ...data, outputs: data.outputs.slice(0, MAX_LISTED_OUTPUTS), failures: [] }
  yield short
  const bare: WebhookEvent['data'] = {
    ...short,
    outputs: [],
    model: null,
    upstream_status: null,
    task_id: null,
    waiting: null,
    error: data.error && { ...data.error, provider_code: null, provider_message: null },
  }
  yield bare
  yield { ...bare, metadata: {} }
}
