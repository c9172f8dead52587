import type { StoredInput } from '../provider.ts'

/** How long the data URI of an input would be, in characters. */
export function dataUriLength({ bytes, contentType }: StoredInput): number {
  return `data:${contentType};base64,`.length + Math.ceil(bytes / 3) * 4
}

/** The input as a data URI; undefined when what was read is not as long as the record says. */
export async function toDataUri(input: StoredInput): Promise<string | undefined> {
  // Filled in place: memory is what the record says, whatever the storage sends.
  const content = Buffer.alloc(input.bytes)
  let filled = 0
  for await (const chunk of await input.open()) {
    if (filled + chunk.length > content.length) return undefined
    content.set(chunk, filled)
    filled += chunk.length
  }
  return filled === content.length ? `data:${input.contentType};base64,${content.toString('base64')}` : undefined
}
