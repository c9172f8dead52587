import type { VendorBody } from '../provider.ts'

/** What one task may cost, in the vendor's own unit. Where a vendor names a range, the upper end: it is what a budget holds. */
export type Price = {
  /** For each second that comes out. */
  readonly perSecond?: number
  /** Where the body says that no sound is wanted. */
  readonly perSilentSecond?: number
  /** What is counted when the body names no duration: the longest that the model makes by itself. */
  readonly assumedSeconds?: number
  /** No task costs less. */
  readonly minimum?: number
  /** For each result. */
  readonly perResult?: number
  /** For each result whose shorter side is at most 720. */
  readonly perSmallResult?: number
  /** Characters of the text that are spoken for one unit. */
  readonly charactersPerUnit?: number
  readonly perTask?: number
}

const SMALL_SIDE = 720

/** What this body comes to at that price; undefined where the body does not say what the price counts. */
export function priceOf(price: Price, body: VendorBody): number | undefined {
  const { perSecond, perResult, perTask, charactersPerUnit, minimum = 0 } = price
  const results = countOf(body)
  const amounts = [
    perSecond === undefined ? undefined : secondsPrice(price, perSecond, body, results),
    perResult === undefined ? undefined : resultPrice(price, perResult, body) * results,
    perTask,
    charactersPerUnit === undefined ? undefined : spokenPrice(charactersPerUnit, body),
  ].filter((amount) => amount !== undefined)
  if (amounts.length === 0) return undefined
  return Math.max(
    minimum,
    amounts.reduce((sum, amount) => sum + amount, 0),
  )
}

function secondsPrice(
  { perSilentSecond, assumedSeconds }: Price,
  perSecond: number,
  { duration, audio }: VendorBody,
  results: number,
): number | undefined {
  const seconds = typeof duration === 'number' && duration > 0 ? duration : assumedSeconds
  if (seconds === undefined) return undefined
  return (audio === false && perSilentSecond !== undefined ? perSilentSecond : perSecond) * seconds * results
}

function resultPrice({ perSmallResult }: Price, perResult: number, { ratio }: VendorBody): number {
  if (perSmallResult === undefined || typeof ratio !== 'string') return perResult
  const [width, height] = ratio.split(':').map(Number)
  const shorter = Math.min(width ?? Number.NaN, height ?? Number.NaN)
  return shorter <= SMALL_SIDE ? perSmallResult : perResult
}

function spokenPrice(charactersPerUnit: number, { promptText }: VendorBody): number | undefined {
  return typeof promptText === 'string' ? Math.ceil(promptText.length / charactersPerUnit) : undefined
}

function countOf({ outputCount, numberResults }: VendorBody): number {
  const count = outputCount ?? numberResults
  return typeof count === 'number' && Number.isInteger(count) && count > 0 ? count : 1
}
