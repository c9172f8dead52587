import type { Cost } from '@genqueue/contract'
import { z } from 'zod'

/** Money in whole numbers, because sums of fractions drift: a millionth of a dollar, a thousandth of a Runway credit. */
export type Money = { microUsd: number; milliCredits: number }

/** What a Runway credit costs unless the operator's prices say otherwise. */
export const DEFAULT_CREDIT_USD = 0.01
/** More is nonsense from outside, and would not be a whole number in a script any longer. */
const MOST = 1e13

/** What the budgets of a job's team and key hold for it until it ends; written at intake and never changed. */
export const Hold = z.object({
  microUsd: z.int().min(0),
  milliCredits: z.int().min(0),
  /** The price of a credit at intake: the job is settled at the price it was held at. */
  creditUsd: z.number().positive(),
  /** Of the caller, where it has limits and a report of its own. */
  apiKeyId: z.string().optional(),
})
export type Hold = z.infer<typeof Hold>

/** A cost in the vendor's unit as money; credits are dollars as well. */
export function moneyOf(cost: Cost | undefined, creditUsd: number): Money {
  if (!cost) return { microUsd: 0, milliCredits: 0 }
  if (cost.unit === 'usd') return { microUsd: whole(cost.amount * 1e6), milliCredits: 0 }
  const milliCredits = whole(cost.amount * 1e3)
  return { microUsd: whole(milliCredits * creditUsd * 1e3), milliCredits }
}

function whole(amount: number): number {
  return Math.min(MOST, Math.max(0, Math.round(amount))) || 0
}

/** The UTC day and month that a job belongs to, by its intake. */
export function periodsOf(acceptedAtMs: number): { day: string; month: string } {
  const day = new Date(acceptedAtMs).toISOString().slice(0, 10)
  return { day, month: day.slice(0, 7) }
}

/** What the fields of a day begin with among the sums of its month. */
export function dayFields(day: string): string {
  return `${day.slice(-2)}:`
}

/** Who pays: the team, and the caller's key where it has an id. */
export function scopesOf(team: string, { apiKeyId }: Pick<Hold, 'apiKeyId'>): string[] {
  return apiKeyId === undefined ? [`team:${team}`] : [`team:${team}`, `key:${apiKeyId}`]
}
