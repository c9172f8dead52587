export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;', '\r': '&#13;' } as const
const CHARACTERS: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** One element holding text; nothing where there is no text. */
export function element(name: string, text: string | number | boolean | undefined): string {
  return text === undefined ? '' : `<${name}>${escapeText(String(text))}</${name}>`
}

/** One element holding other elements. */
export function parent(name: string, children: readonly string[]): string {
  return `<${name}>${children.join('')}</${name}>`
}

export function document(name: string, children: readonly string[]): string {
  return `${XML_DECLARATION}<${name} xmlns="${NAMESPACE}">${children.join('')}</${name}>`
}

/** The inner text of every element of that name, in order. Enough for the two flat documents S3 clients send. */
export function innerTexts(xml: string, name: string): string[] {
  const pattern = new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, 'g')
  return [...xml.matchAll(pattern)].map(([, inner]) => inner ?? '')
}

export function innerText(xml: string, name: string): string | undefined {
  const [inner] = innerTexts(xml, name)
  return inner === undefined ? undefined : unescapeText(inner)
}

function escapeText(text: string): string {
  return text.replace(/[&<>"'\r]/g, (character) => ENTITIES[character as keyof typeof ENTITIES]) // the class lists its keys
}

function unescapeText(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([\da-fA-F]+)|(\w+));/g, (whole, decimal, hex, name) => {
    if (decimal) return String.fromCodePoint(Number.parseInt(decimal, 10))
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16))
    return CHARACTERS[name] ?? whole
  })
}
