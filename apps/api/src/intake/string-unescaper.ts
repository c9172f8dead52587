const BACKSLASH = 0x5c
const SIMPLE: ReadonlyMap<string, number> = new Map(
  Object.entries({ '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }).map(
    ([letter, character]) => [letter, character.charCodeAt(0)],
  ),
)
/** For whatever cannot stand in a data URI: it is no base64 either, so the decoder refuses it. */
const FOREIGN = 0xff

/** Undoes the escapes of a JSON string whose meaning is ASCII, piece by piece. */
export class StringUnescaper {
  /** What followed a backslash so far, when a piece ended inside an escape. */
  #escape: string | undefined

  push(raw: Uint8Array): Uint8Array {
    if (this.#escape === undefined && !raw.includes(BACKSLASH)) return raw
    const plain = new Uint8Array(raw.byteLength)
    let length = 0
    for (const byte of raw) {
      if (this.#escape !== undefined) {
        this.#escape += String.fromCharCode(byte)
        const meaning = meaningOf(this.#escape)
        if (meaning === undefined) continue
        plain[length++] = meaning
        this.#escape = undefined
      } else if (byte === BACKSLASH) this.#escape = ''
      else plain[length++] = byte
    }
    return plain.subarray(0, length)
  }
}

function meaningOf(text: string): number | undefined {
  if (text[0] !== 'u') return SIMPLE.get(text) ?? FOREIGN
  if (text.length < 5) return undefined
  const code = /^u[\da-f]{4}$/i.test(text) ? Number.parseInt(text.slice(1), 16) : FOREIGN
  return code < 0x80 ? code : FOREIGN
}
