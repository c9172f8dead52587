/** RFC 6266: a plain name for old clients and the exact one beside it where they differ. */
export function contentDisposition(disposition: 'inline' | 'attachment', filename: string): string {
  const plain = filename.replace(/[^\x20-\x7e]|["\\/%]/g, '_')
  if (plain === filename) return `${disposition}; filename="${plain}"`
  const exact = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16)}`,
  )
  return `${disposition}; filename="${plain}"; filename*=UTF-8''${exact}`
}
