/** What sets a model apart from the rest, for all models whose AIR starts like this. */
export interface Model {
  readonly prefix: string
  readonly name: string
  /** Sides of an image: from 128 to `maxSide`, in steps of `step`. */
  readonly step: number
  readonly maxSide: number
  /** Whether frames may stand outside of `inputs`, as they did in older models. */
  readonly flatFrames: boolean
  readonly durations: readonly number[] | undefined
  readonly usdPerImage: number
  readonly usdPerSecond: number
}

const USUAL: Model = {
  prefix: '',
  name: 'Any other model',
  step: 16,
  maxSide: 4096,
  flatFrames: false,
  durations: undefined,
  usdPerImage: 0.02,
  usdPerSecond: 0.05,
}

const CLASSIC = { step: 64, maxSide: 2048 }

/** Prices are the simulator's own, apart from the runway one. */
export const MODELS: readonly Model[] = [
  { ...USUAL, ...CLASSIC, prefix: 'runware:100@', name: 'FLUX.1 schnell', usdPerImage: 0.0013 },
  { ...USUAL, ...CLASSIC, prefix: 'runware:101@', name: 'FLUX.1 dev', usdPerImage: 0.0038 },
  { ...USUAL, ...CLASSIC, prefix: 'civitai:', name: 'Community model', usdPerImage: 0.0006 },
  { ...USUAL, prefix: 'runware:', name: 'Open model', usdPerImage: 0.003 },
  { ...USUAL, prefix: 'runway:1@1', name: 'Gen-4 Turbo', flatFrames: true, usdPerSecond: 0.0507 },
  { ...USUAL, prefix: 'runway:', name: 'Gen-4.5', usdPerSecond: 0.12 },
  { ...USUAL, prefix: 'klingai:5@', name: 'Kling 2.1', durations: [5, 10], usdPerSecond: 0.09 },
  { ...USUAL, prefix: 'klingai:', name: 'Kling', flatFrames: true, durations: [5, 10], usdPerSecond: 0.07 },
  { ...USUAL, prefix: 'minimax:', name: 'Hailuo', flatFrames: true, durations: [6, 10], usdPerSecond: 0.045 },
  { ...USUAL, prefix: 'bytedance:', name: 'Seedance', flatFrames: true, usdPerSecond: 0.04 },
  USUAL,
]

const found = new Map<string, Model>()
const MAX_REMEMBERED = 1000

export function modelOf(air: string): Model {
  const known = found.get(air)
  if (known) return known
  const model = MODELS.find(({ prefix }) => air.startsWith(prefix)) ?? USUAL
  if (found.size < MAX_REMEMBERED) found.set(air, model)
  return model
}
