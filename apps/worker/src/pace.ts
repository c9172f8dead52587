/** Delays of the worker, in milliseconds. Jitter only ever lengthens: vendors set the shortest interval. */
export type PollPace = {
  firstMs: number
  minMs: number
  maxMs: number
  /** Of a task's age: the interval between two looks, within the limits. */
  ageShare: number
  throttledMinMs: number
  throttledMaxMs: number
  /** A 404 this soon after the create means "not known yet". */
  missingGraceMs: number
  /** How long past its deadline a task is left alone while nobody can see what became of it. */
  blindGraceMs: number
}

/** Runway asks for at least 5 s between looks, plus jitter (docs.dev.runwayml.com, polling). */
export const RUNWAY_PACE: PollPace = {
  firstMs: 5_000,
  minMs: 5_000,
  maxMs: 15_000,
  ageShare: 1 / 12,
  throttledMinMs: 10_000,
  throttledMaxMs: 60_000,
  missingGraceMs: 60_000,
  blindGraceMs: 3_600_000,
}

/** From 1.5 s to 10 s, each half as long again as the one before: what half of the age comes to. */
export const RUNWARE_PACE: PollPace = {
  firstMs: 1_500,
  minMs: 1_500,
  maxMs: 10_000,
  ageShare: 1 / 2,
  throttledMinMs: 1_500,
  throttledMaxMs: 10_000,
  missingGraceMs: 60_000,
  blindGraceMs: 3_600_000,
}

const MAX_ERROR_DELAY_MS = 60_000

/** The next look at a task: further apart with its age, and more so while the vendor holds it back. */
export function nextLookMs(pace: PollPace, ageMs: number, isThrottled: boolean, random: number): number {
  const [min, max] = isThrottled ? [pace.throttledMinMs, pace.throttledMaxMs] : [pace.minMs, pace.maxMs]
  return Math.min(max, Math.max(min, ageMs * pace.ageShare)) * (1 + 0.2 * random)
}

/** After failed looks in a row: doubling from the usual interval to a minute. */
export function afterErrorMs(pace: PollPace, errorsInARow: number, random: number): number {
  return Math.min(MAX_ERROR_DELAY_MS, pace.minMs * 2 ** Math.min(10, errorsInARow - 1)) * (1 + 0.2 * random)
}

/** Doubling from `firstMs` to `maxMs`, lengthened by up to a fifth. */
export function backoffMs(attempt: number, firstMs: number, maxMs: number, random: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(20, attempt - 1)) * (1 + 0.2 * random)
}

/** Standard Webhooks' example schedule: ten attempts over about three days. The delay before attempt n + 1. */
const RETRIES_MS = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400].map((seconds) => seconds * 1000)
const DAY_MS = 86_400_000
const MIN_RETRY_AFTER_MS = 60_000

/**
 * The delay after `attempts` failed attempts, or undefined when there are no more. A receiver's Retry-After is obeyed
 * between the planned step and twice that or a day, whichever is longer, and not under a minute.
 */
export function webhookRetryMs(attempts: number, retryAfterMs: number | undefined, random: number): number | undefined {
  const step = RETRIES_MS[attempts - 1]
  if (step === undefined) return undefined
  if (retryAfterMs === undefined) return step * (0.8 + 0.4 * random)
  return Math.min(Math.max(2 * step, DAY_MS), Math.max(step, retryAfterMs, MIN_RETRY_AFTER_MS))
}
