/** How one model takes what it works from. */
export type ImageTraits = {
  /** Where the images go: the first as `seedImage` and the rest beside it, or all under `inputs`. */
  images: 'seedImage' | 'nested'
  /** Without a size and without an image that decides it. */
  needsSize: boolean
}

/** Models of the first generation, by how their name begins. They know no `inputs`. */
const CLASSIC = [
  'runware:5@',
  'runware:97@',
  'runware:100@',
  'runware:101@',
  'runware:102@',
  'civitai:',
  'rundiffusion:',
]

const CLASSIC_TRAITS: ImageTraits = { images: 'seedImage', needsSize: true }
/** Newer models refuse the old names, and new ones appear weekly: what is not listed counts as new. */
const MODERN_TRAITS: ImageTraits = { images: 'nested', needsSize: false }

export function imageTraitsOf(model: string): ImageTraits {
  return CLASSIC.some((start) => model.startsWith(start)) ? CLASSIC_TRAITS : MODERN_TRAITS
}
