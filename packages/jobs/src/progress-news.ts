import type { WebhookEvent } from '@genqueue/contract'
import type { JobsDeps } from './jobs-deps.ts'
import { type Looks, looksOf } from './looks.ts'
import type { JobRecord, JobRequest, RecordIn } from './record.ts'
import { loadScript } from './script.ts'
import { hostDestination, renderBody } from './webhook-news.ts'

const tellProgress = loadScript('tell-progress')

const ULID_START = 'job_'.length
/** What stands in the record of a job whose own URL asked, before anything was told. */
const NOTHING_TOLD = '0,0,'

type Asking = { kind: JobRecord['kind']; request: Pick<JobRequest, 'webhookUrl' | 'webhookEvents'> }

/** The field of a new record by which a poller sees that the job's own URL is to be told of progress. */
export function askedProgress(job: Asking): string[] {
  return urlOf(job) === '' ? [] : ['told', NOTHING_TOLD]
}

/**
 * Whether what a look found differs from what was told, and that was long enough ago. `told` is
 * `<sequence>,<when>,<percent>,<the vendor's word>`.
 */
export function isProgressNews(told: string | undefined, looks: Looks, nowMs: number, everyMs: number): boolean {
  const [sequence, atMs, ...seen] = (told ?? NOTHING_TOLD).split(',')
  return looks.polls > Number(sequence) && nowMs - Number(atMs) >= everyMs && seen.join() !== seenIn(looks)
}

/** Tells those who asked for it what a look found, unless that or later news was told since `told` was read. */
export async function writeProgress(
  job: RecordIn<'submitted'>,
  looks: Looks,
  told: string | undefined,
  { redis, keys, publicUrl, now, onNews }: Required<JobsDeps>,
): Promise<void> {
  const ulid = job.id.slice(ULID_START)
  const sequence = looks.polls
  const type = progressType(job)
  const nowMs = now()
  const seen = { ...job, ...looksOf(looks) }
  const body = renderBody(seen, { id: `evt_${ulid}_p${sequence}`, type, sequence }, publicUrl, nowMs)
  const url = urlOf(job)
  const { value } = await tellProgress(
    redis,
    [keys.job(job.id)],
    [
      keys.prefix,
      ulid,
      job.team,
      type,
      body,
      sequence,
      told ?? '',
      `${sequence},${nowMs},${seenIn(looks)}`,
      url,
      url && hostDestination(job.team, url),
      job.hold?.apiKeyId ?? '',
    ],
  )
  if (Number(value) > 0) onNews()
}

function progressType({ kind }: Asking): WebhookEvent['type'] {
  return `${kind}.progress`
}

function urlOf(job: Asking): string {
  const { webhookUrl = '', webhookEvents = [] } = job.request
  return webhookEvents.includes(progressType(job)) ? webhookUrl : ''
}

function seenIn({ progress, upstreamStatus }: Looks): string {
  return `${Math.floor(progress * 100)},${upstreamStatus}`
}
