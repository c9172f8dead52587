/** Thrown while reading when the bytes are not the whole file they should be. */
export class ContentError extends Error {
  override readonly name = 'ContentError'
}

const TAIL_BYTES = 1024
const EOI = Buffer.from([0xff, 0xd9])
/** The IEND chunk is the same in every PNG: no bytes, its name, and its checksum. */
const IEND = Buffer.from('0000000049454e44ae426082', 'hex')

/**
 * Passes the bytes of a file on and, at their end, proves that its container is whole: every MP4 box is complete and
 * `moov` and `mdat` are there, a PNG has its IEND, a JPEG its EOI, a RIFF and a GLB their declared size, an SVG its end
 * tag. A transfer that was cut looks fine to HTTP where the server does not say how long it would have been. Other types
 * pass.
 */
export async function* checkContainer(
  body: AsyncIterable<Uint8Array>,
  contentType: string,
): AsyncGenerator<Uint8Array, void> {
  const check = CHECKS.find(([types]) => types.test(contentType))?.[1]() ?? { update() {}, isWhole: () => true }
  for await (const chunk of body) {
    check.update(chunk)
    yield chunk
  }
  if (!check.isWhole()) throw new ContentError(`The ${contentType} ends before its end`)
}

type Check = { update(chunk: Uint8Array): void; isWhole(): boolean }

const CHECKS: readonly (readonly [RegExp, () => Check])[] = [
  [/^(video\/(mp4|quicktime|3gpp)|audio\/mp4)$/, mp4Boxes],
  [/^image\/png$/, () => tail((end) => end.includes(IEND))],
  [/^image\/jpeg$/, () => tail((end) => end.includes(EOI))],
  [/^(image\/webp|audio\/(wav|x-wav|wave))$/, riffSize],
  [/^model\/gltf-binary$/, glbSize],
  [/^image\/svg\+xml$/, svgEnd],
]

function tail(isEnd: (end: Buffer) => boolean): Check {
  let end = Buffer.alloc(0)
  return {
    update(chunk) {
      end = Buffer.concat([end, chunk.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES)
    },
    isWhole: () => isEnd(end),
  }
}

function riffSize(): Check {
  let head = Buffer.alloc(0)
  let bytes = 0
  return {
    update(chunk) {
      if (head.length < 8) head = Buffer.concat([head, chunk.subarray(0, 8 - head.length)])
      bytes += chunk.length
    },
    // Streaming encoders leave 0 or all ones where they did not know the size.
    isWhole: () =>
      head.length === 8 && ([0, 0xffffffff].includes(head.readUInt32LE(4)) || bytes >= head.readUInt32LE(4) + 8),
  }
}

/** Magic, version, and the length of the whole file. */
function glbSize(): Check {
  let head = Buffer.alloc(0)
  let bytes = 0
  return {
    update(chunk) {
      if (head.length < 12) head = Buffer.concat([head, chunk.subarray(0, 12 - head.length)])
      bytes += chunk.length
    },
    isWhole: () => head.length === 12 && bytes >= head.readUInt32LE(8),
  }
}

/** The end tag of the drawing; remarks may follow. */
function svgEnd(): Check {
  let overlap = ''
  let isThere = false
  return {
    update(chunk) {
      const text = overlap + Buffer.from(chunk).toString('latin1')
      isThere ||= text.includes('</svg>')
      overlap = text.slice(-5)
    },
    isWhole: () => isThere,
  }
}

/** Walks the top-level boxes: size (4 bytes), type (4 bytes), and a 64-bit size where the first says 1. */
function mp4Boxes(): Check {
  let header = Buffer.alloc(0)
  let skip = 0
  // A cut between the two leaves whole boxes, and a film without its index or an index without its film.
  const missing = new Set(['moov', 'mdat'])
  let isOpenEnded = false
  const readHeader = () => {
    const size = header.readUInt32BE(0)
    missing.delete(header.toString('latin1', 4, 8))
    if (size === 0) isOpenEnded = true
    const full = size === 1 ? Number(header.readBigUInt64BE(8)) : size
    skip = Math.max(0, full - header.length)
    header = Buffer.alloc(0)
  }
  return {
    update(chunk) {
      let at = 0
      while (at < chunk.length && !isOpenEnded) {
        const skipped = Math.min(skip, chunk.length - at)
        skip -= skipped
        at += skipped
        const wanted = header.length >= 8 && header.readUInt32BE(0) === 1 ? 16 : 8
        const part = chunk.subarray(at, at + wanted - header.length)
        header = Buffer.concat([header, part])
        at += part.length
        if (header.length === 16 || (header.length === 8 && header.readUInt32BE(0) !== 1)) readHeader()
      }
    },
    isWhole: () => missing.size === 0 && (isOpenEnded || (skip === 0 && header.length === 0)),
  }
}
