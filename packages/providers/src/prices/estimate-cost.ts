import type { Cost, ProviderName } from '@genqueue/contract'
import type { VendorBody } from '../provider.ts'
import { type Price, priceOf } from './price.ts'
import type { PriceOverrides } from './price-overrides.ts'
import { RUNWARE_PRICES } from './runware-prices.ts'
import { RUNWAY_PRICES } from './runway-prices.ts'

type PriceList = {
  readonly unit: Cost['unit']
  readonly decimals: number
  readonly prices: Readonly<Record<string, Price>>
}

const LISTS: Readonly<Record<ProviderName, PriceList>> = {
  // Whole credits are what Runway counts.
  runway: { unit: 'credits', decimals: 0, prices: RUNWAY_PRICES },
  runware: { unit: 'usd', decimals: 6, prices: RUNWARE_PRICES },
}
/** Nothing costs so much; a duration of 1e300 must not be taken for money. */
const MOST = 1_000_000

/**
 * What this body may cost, in the vendor's own unit and rounded up. Undefined where neither the operator's prices nor
 * ours name one, or the body does not say what they count. Pure.
 */
export function estimateCost(
  provider: ProviderName,
  operation: string,
  model: string | undefined,
  body: VendorBody,
  overrides?: PriceOverrides,
): Cost | undefined {
  const { unit, decimals, prices } = LISTS[provider]
  const own = (name: string | undefined) => (name === undefined ? undefined : overrideOf(overrides, provider, name))
  const price = own(model) ?? entryOf(prices, model) ?? own(operation) ?? own('*')
  const amount = price && priceOf(price, body)
  if (amount === undefined) return undefined
  const scale = 10 ** decimals
  // What binary fractions add to an exact price is no reason to hold more.
  return { amount: Math.min(MOST, Math.ceil(Number((amount * scale).toFixed(3))) / scale), unit }
}

function overrideOf({ models }: Pick<PriceOverrides, 'models'> = { models: {} }, provider: string, name: string) {
  const found = entryOf(models, `${provider}/${name}`)
  if (!found) return undefined
  const { per_second, assumed_seconds, per_result, per_task } = found
  return {
    ...(per_second !== undefined && { perSecond: per_second }),
    ...(assumed_seconds !== undefined && { assumedSeconds: assumed_seconds }),
    ...(per_result !== undefined && { perResult: per_result }),
    ...(per_task !== undefined && { perTask: per_task }),
  } satisfies Price
}

function entryOf<T>(table: Readonly<Record<string, T>>, name: string | undefined): T | undefined {
  return name !== undefined && Object.hasOwn(table, name) ? table[name] : undefined
}
