import ipaddr from 'ipaddr.js'

export type Address = ipaddr.IPv4 | ipaddr.IPv6
export type Cidr = { base: Address; prefixBits: number }

/** Strict: four decimal parts or an IPv6 address without a zone; none of the octal and shortened spellings. */
export function parseAddress(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined
  return ipaddr.IPv6.parse(text)
}

/** Reads `127.0.0.0/8, ::1/128`; a bare address is a range of one. Throws naming the part that is not a range. */
export function parseCidrs(text: string): Cidr[] {
  const parts = text.split(',').map((part) => part.trim())
  return parts.filter((part) => part !== '').map(parseCidr)
}

function parseCidr(part: string): Cidr {
  const [, address = '', prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(part) ?? []
  const base = parseAddress(address)
  const widthBits = base?.kind() === 'ipv4' ? 32 : 128
  const prefixBits = prefix === undefined ? widthBits : Number(prefix)
  if (base === undefined || prefixBits > widthBits) {
    throw new Error(`'${part}' is not an address range such as 10.0.0.0/8 or fd00::/8`)
  }
  return { base, prefixBits }
}

export function isInside(address: Address, ranges: readonly Cidr[]): boolean {
  return ranges.some(({ base, prefixBits }) => base.kind() === address.kind() && address.match(base, prefixBits))
}
