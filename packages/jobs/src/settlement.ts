import type { Cost, JobErrorCode } from '@genqueue/contract'
import { DEFAULT_CREDIT_USD, dayFields, type Money, moneyOf, periodsOf, scopesOf } from './hold.ts'
import type { Keys } from './keys.ts'
import type { JobRecord } from './record.ts'
import { OTHER_MODEL, usageRow } from './usage.ts'

const USAGE_KEPT_MS = 400 * 86_400_000
/** Sums of one day's report; past it, models that are new that day are counted as `other`. */
const MAX_USAGE_FIELDS = 10_000

/** A job that has ended, whatever the vendor did. */
export type EndedRecord = Extract<JobRecord, { status: 'succeeded' | 'failed' | 'canceled' }>

/** What a job came to: charged as the vendor told it, or at risk because the vendor will not tell. */
type Settled = { charged: Money; unknown: Money; isUnknown: boolean }

const NOTHING: Money = { microUsd: 0, milliCredits: 0 }

/**
 * What the end of a job costs. The vendor's figure where there is one; nothing where no task was made, or one that is
 * not charged; and where it may have been charged and nobody told how much, the estimate, as money at risk.
 */
export function settle(before: JobRecord, ended: EndedRecord): Settled {
  const creditUsd = creditUsdOf(before)
  const tasks = lostCreates(before, ended) + (!ended.cost && mayBeCharged(before, ended) ? 1 : 0)
  const { microUsd, milliCredits } = moneyOf(before.estimatedCost, creditUsd)
  return {
    charged: moneyOf(ended.cost, creditUsd),
    isUnknown: tasks > 0,
    unknown: { microUsd: microUsd * tasks, milliCredits: milliCredits * tasks },
  }
}

function creditUsdOf({ hold }: JobRecord): number {
  return hold?.creditUsd ?? DEFAULT_CREDIT_USD
}

/** Creates of which nobody knows whether they were accepted. */
function lostCreates(before: JobRecord, ended: EndedRecord): number {
  const isLast = before.status !== 'queued' && ended.status === 'failed' && ended.error.code === 'submission_unknown'
  return before.unknownSubmits + (isLast ? 1 : 0)
}

/** Ends of a task that was there, with which a vendor charges or may have charged. */
const MAYBE_CHARGED: ReadonlySet<JobErrorCode> = new Set(['provider_lost', 'empty_output'])

function mayBeCharged(before: JobRecord, ended: EndedRecord): boolean {
  if (ended.status === 'succeeded' || before.status === 'generated' || ended.costUnknown) return true
  if (ended.status !== 'failed' || before.status !== 'submitted') return false
  const { code, providerCode } = ended.error
  // Runway does not give the credits back for input that it would not work on.
  return MAYBE_CHARGED.has(code) || (code === 'moderation' && /^SAFETY\.INPUT/i.test(providerCode ?? ''))
}

/** What advance.lua is told about money at the end of a job: what is released, what is spent, and the line of the report. */
export function settleArgs(before: JobRecord, ended: EndedRecord, keys: Keys, nowMs: number): (string | number)[] {
  const { charged, unknown, isUnknown } = settle(before, ended)
  const { day, month } = periodsOf(before.times.queued ?? 0)
  const { hold } = before
  const scopes = hold ? scopesOf(before.team, hold) : []
  const held = hold ?? NOTHING
  return [
    keys.usage(day),
    USAGE_KEPT_MS,
    MAX_USAGE_FIELDS,
    usageRow(before),
    usageRow({ ...before, model: OTHER_MODEL }),
    ended.status,
    charged.microUsd,
    charged.milliCredits,
    isUnknown ? 1 : 0,
    unknown.microUsd,
    unknown.milliCredits,
    -held.microUsd,
    -held.milliCredits,
    charged.microUsd + unknown.microUsd,
    charged.milliCredits + unknown.milliCredits,
    keys.inflight,
    isAskedLater(ended) ? keys.unsettled : '',
    before.id,
    nowMs,
    dayFields(day),
    ...scopes.flatMap((scope) => [scope, keys.spend(scope, month)]),
  ]
}

/** Whether the vendor can still be asked what the task of this job has cost. */
export function isAskedLater(ended: EndedRecord): ended is EndedRecord & { taskId: string } {
  return ended.status !== 'succeeded' && ended.costUnknown === true && ended.taskId !== undefined
}

/** The cost in dollars, as callers see it. */
export function usdOf(cost: Cost, record: JobRecord): number {
  return moneyOf(cost, creditUsdOf(record)).microUsd / 1e6
}
