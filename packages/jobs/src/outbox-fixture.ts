import { jobError } from '@genqueue/contract'
import { ulid } from 'ulid'
import type { EndpointRow } from './endpoint-row.ts'
import { acceptJob, newJob, type OpenJobs } from './jobs-fixture.ts'
import type { LeasedDelivery, Outbox, Sent } from './outbox.ts'
import type { JobRecord } from './record.ts'

/** A job that has ended, with a webhook to that host. */
export async function endJob(
  house: OpenJobs,
  parts: { team?: string; host?: string; apiKeyId?: string } = {},
): Promise<JobRecord> {
  const { team = 'default', host, apiKeyId } = parts
  const job = await acceptJob(
    house,
    newJob({ team, apiKeyId, ...(host !== undefined && { webhookUrl: `https://${host}/hook` }) }),
  )
  await house.jobs.end(job, { status: 'failed', error: jobError('moderation'), outputs: [] })
  return job
}

export async function addEndpoint(
  house: OpenJobs,
  team: string,
  parts: Partial<EndpointRow> = {},
): Promise<EndpointRow> {
  const row: EndpointRow = {
    id: `we_${ulid()}`,
    url: 'https://team.example/a/b',
    name: 'ours',
    eventTypes: [],
    status: 'enabled',
    createdAtMs: 1_795_188_322_123,
    updatedAtMs: 1_795_188_322_123,
    secrets: [{ sealed: 'gq1.a.b/+=.c' }],
    ...parts,
  }
  await house.redis.hset(house.keys.endpoints(team), row.id, JSON.stringify(row))
  return row
}

/** Everything that can be leased now. */
export async function leaseAll(outbox: Outbox, leaseMs = 60_000): Promise<LeasedDelivery[]> {
  const all: LeasedDelivery[] = []
  for (;;) {
    const { deliveries } = await outbox.lease({ limit: 100, suspects: 100, leaseMs })
    if (deliveries.length === 0) return all
    all.push(...deliveries)
  }
}

/** What became of an attempt: a status that was answered, or none. */
export function outcome(delivery: LeasedDelivery, status: number, retryInMs = 0): Sent {
  const isTaken = status === 200
  const what = isTaken ? 'taken' : status >= 400 && status < 500 ? 'refused' : 'failed'
  const ended = isTaken ? 'delivered' : status === 410 ? 'gone' : undefined
  return {
    delivery,
    attempt: { atMs: 1, durationMs: 2, status },
    what,
    next: ended ? { status: ended } : { status: 'pending', retryInMs },
  }
}

/** Leases and answers until nothing is due any more; returns what was sent, in order. */
export async function sendAll(outbox: Outbox, status: number, retryInMs = 60_000): Promise<LeasedDelivery[]> {
  const sent: LeasedDelivery[] = []
  for (;;) {
    const leased = await leaseAll(outbox)
    if (leased.length === 0) return sent
    sent.push(...leased)
    await outbox.record(leased.map((delivery) => outcome(delivery, status, retryInMs)))
  }
}
