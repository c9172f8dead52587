import type { UsageReport } from '@genqueue/contract'
import type { Simulator } from '@genqueue/simulator'
import { z } from 'zod'
import type { ClientLine } from './client.ts'

type Charged = { text: string; broken: string | undefined }

/** Holds what the service tells that its jobs have cost against the vendors' own books. */
export function chargedRight(
  { runway, runware }: Simulator,
  client: readonly ClientLine[],
  { data, totals, open }: UsageReport,
): Charged {
  const jobs = new Map(client.flatMap(({ ended }) => (ended ? [[ended.id, ended] as const] : [])))
  const told = new Set([...jobs.values()].map(({ task_id }) => task_id))
  const unknown = [...jobs.values()].filter(({ error }) => error?.code === 'submission_unknown').length
  // Tasks that were made by creates whose answer is lost: theirs is the job that says so.
  const untold = runway.ledger().entries.filter(({ taskId }) => !told.has(taskId))
  const lost = untold.reduce((sum, { finalCredits = 0 }) => sum + finalCredits, 0)
  const charged = runway.ledger().creditsCharged
  const [ofRunway, ofRunware] = ['runway', 'runware'].map((name) => data.find(({ provider }) => provider === name))
  const differences = [
    differs('jobs in the report', totals.jobs, jobs.size),
    differs('Runway credits', ofRunway?.credits ?? 0, charged - lost),
    differs('micro-dollars at Runware', micros(ofRunware?.usd ?? 0), micros(runware.ledger().costUsd)),
    differs('open jobs', open.jobs, 0),
    differs('held credits', open.held_credits, 0),
    differs('held micro-dollars', micros(open.held_usd), 0),
    untold.length > unknown
      ? `${untold.length} tasks belong to no job, and ${unknown} jobs do not know theirs`
      : undefined,
  ]
  return {
    text:
      `Runway ${charged} credits, ${lost} of them for ${untold.length} tasks of the ${unknown} jobs that do not know theirs; ` +
      `Runware ${runware.ledger().costUsd} USD`,
    broken: differences.find((difference) => difference !== undefined),
  }
}

const Create = z.object({ promptText: z.string() })

/** The first job whose create came to Runway twice, whatever it was answered: nobody can know that the first made nothing. */
export function sentTwice({ journal }: Simulator): string | undefined {
  const creates = journal().filter(
    ({ host, method, path }) => host === 'runway' && method === 'POST' && path.includes('video'),
  )
  const byMarker = Map.groupBy(creates, ({ body = '' }) => markerIn(body))
  const [marker, sent] = [...byMarker].find(([name, all]) => name !== undefined && all.length > 1) ?? []
  return sent && `the create of ${marker} came ${sent.length} times to Runway`
}

/** A body that broke off names nobody. */
function markerIn(body: string): string | undefined {
  try {
    return Create.parse(JSON.parse(body)).promptText
  } catch {
    return undefined
  }
}

function differs(what: string, told: number, kept: number): string | undefined {
  return told === kept ? undefined : `${what}: ${told} by the service, ${kept} by the books`
}

function micros(usd: number): number {
  return Math.round(usd * 1e6)
}
