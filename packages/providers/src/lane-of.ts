import type { ProviderName } from '@genqueue/contract'
import { findVideoModel } from './runway/models.ts'
import { knowsRunwayImageModel } from './runway-image/models.ts'

/** The capacity group of those that have none of their own. */
const COMMON = '*'

/**
 * The vendor's capacity group: what is in it waits for the same room there. Runway counts tasks by model; a model that
 * our tables do not list has no lane of its own, because callers could make any number of them.
 */
export function laneOf(provider: ProviderName, model: string | undefined): string {
  if (provider !== 'runway' || model === undefined) return COMMON
  return findVideoModel(model) || knowsRunwayImageModel(model) ? model : COMMON
}
