const NOTHING = Buffer.alloc(0)

/** Base64 decoded piece by piece; `undefined` once the text is not base64. Takes both alphabets, padded or not. */
export class Base64Decoder {
  /** One to four characters held back: only the last group of all may be padded. */
  #carry = ''

  push(piece: Uint8Array): Buffer | undefined {
    const text = this.#carry + Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString('latin1')
    const usable = text === '' ? 0 : (text.length - 1) & ~3
    this.#carry = text.slice(usable)
    return usable === 0 ? NOTHING : decode(text.slice(0, usable))
  }

  end(): Buffer | undefined {
    const group = this.#carry
    const characters = group.replace(/={1,2}$/, '')
    if (characters.length !== group.length && group.length !== 4) return undefined
    return characters.length === 1 ? undefined : decode(characters)
  }
}

/** Node skips what is not base64, so a result that is too short betrays it. */
function decode(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === Math.floor((text.length * 3) / 4) ? bytes : undefined
}
