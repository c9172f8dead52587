import { type JobKind, type Media, sniffMedia } from '@genqueue/contract'

/** What the work was that made an output. */
export type OutputOrigin = { operation: string; kind: JobKind }

/** Files that only some work makes. Callers may not hand them in, so that `sniffMedia` does not know them. */
const SVG: Media = { contentType: 'image/svg+xml', extension: 'svg' }
const GLB: Media = { contentType: 'model/gltf-binary', extension: 'glb' }
const ZIP: Media = { contentType: 'application/zip', extension: 'zip' }
export const TEXT: Media = { contentType: 'text/plain', extension: 'txt' }

/**
 * The type of an output by its first bytes; undefined for what the work does not make. A declared type of another class
 * (an image where a video was promised) is a wrong file.
 */
export function outputMedia(head: Buffer, declared: string | undefined, origin: OutputOrigin): Media | undefined {
  if (head.subarray(0, 4).equals(Buffer.from('PK\u0003\u0004'))) return ZIP
  const media = sniffMedia(head) ?? specialMedia(head, origin)
  const declaredClass = /^(image|video|audio|text)\//.exec(declared ?? '')?.[1]
  if (!media || !declaredClass || media === GLB) return media
  const sniffedClass = media.contentType.split('/')[0]
  // MP4 and Ogg hold sound, pictures or both under the same first bytes.
  const isEither = [declaredClass, sniffedClass].every((each) => each === 'audio' || each === 'video')
  return declaredClass === sniffedClass || isEither ? media : undefined
}

const SVG_START =
  /^\ufeff?\s*(<\?xml[^>]*\?>\s*)?(<!--[\s\S]*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?(<!--[\s\S]*?-->\s*)*<svg[\s>]/i

function specialMedia(head: Buffer, { operation, kind }: OutputOrigin): Media | undefined {
  if (kind === 'model3d' && head.toString('latin1', 0, 4) === 'glTF') return GLB
  if (operation === 'vectorize' && SVG_START.test(head.toString('utf8'))) return SVG
  return undefined
}
