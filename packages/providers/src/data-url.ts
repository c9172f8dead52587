const DATA_URL = /^data:([^;,]*)((?:;[^;,]*)*?)(;base64)?,/i

/** Text as a URL that holds it. */
export function textDataUrl(text: string): string {
  return `data:text/plain;charset=utf-8;base64,${Buffer.from(text).toString('base64')}`
}

/** What a `data:` URL holds; undefined for any other URL and for one that cannot be read. */
export function readDataUrl(url: string): { contentType: string; bytes: Buffer } | undefined {
  const [head, type, , base64] = DATA_URL.exec(url.slice(0, 1_000)) ?? []
  if (head === undefined) return undefined
  const content = url.slice(head.length)
  try {
    const bytes = base64 ? Buffer.from(content, 'base64') : Buffer.from(decodeURIComponent(content))
    return { contentType: type || 'text/plain', bytes }
  } catch {
    return undefined
  }
}
