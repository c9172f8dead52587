import type { Price } from './price.ts'

/**
 * In US dollars, by model. Runware resells hundreds of models, publishes no list that could be kept here, and tells what
 * a task has cost when it ends; the prices of the models that a house uses belong into `PRICES`.
 */
export const RUNWARE_PRICES: Readonly<Record<string, Price>> = {
  'runway:1@1': { perSecond: 0.0507, assumedSeconds: 10 },
}
