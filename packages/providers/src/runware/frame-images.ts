type Json = Readonly<Record<string, unknown>>
type FrameImage = { image: unknown; frame?: unknown }

/**
 * The images of a video in the form that every model takes. `flat` is the older form, which newer models refuse; a
 * reference that names its position (`first`, `last` or a frame's number) is a frame, the others are shown to the model.
 */
export function frameImagesOf(given: { first: unknown; flat: unknown; references: readonly Json[] }): {
  frames: FrameImage[]
  shown: unknown[]
} {
  const frames: FrameImage[] = given.first === undefined ? [] : [{ image: given.first, frame: 'first' }]
  for (const item of asList(given.flat)) {
    if (!isObject(item)) frames.push({ image: item })
    else frames.push(frameImage(item.inputImage ?? item.image, item.frame))
  }
  const shown: unknown[] = []
  for (const reference of given.references) {
    if (!isObject(reference)) {
      shown.push(reference)
      continue
    }
    const { uri, url, image_url, image, position, frame } = reference
    const address = uri ?? url ?? image_url ?? image ?? reference
    const place = position ?? frame
    if (place === undefined) shown.push(address)
    else frames.push(frameImage(address, place))
  }
  return { frames, shown }
}

function frameImage(image: unknown, frame: unknown): FrameImage {
  return frame === undefined ? { image } : { image, frame }
}

function asList(value: unknown): unknown[] {
  return value === undefined || value === null ? [] : [value].flat()
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !('$input' in value)
}
