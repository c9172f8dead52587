import type { Cost } from '@genqueue/contract'
import type { VendorBody } from '../provider.ts'
import { findVideoModel } from './models.ts'

/** What a video will cost by the price list; undefined where model, price or duration is not known. */
export function estimateVideoCost({ model, duration }: VendorBody): Cost | undefined {
  const price = typeof model === 'string' ? findVideoModel(model)?.creditsPerSecond : undefined
  if (price === undefined || typeof duration !== 'number') return undefined
  return { amount: Math.ceil(price * duration), unit: 'credits' }
}
