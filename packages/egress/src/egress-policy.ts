import { type Cidr, isInside, parseAddress, parseCidrs } from './cidr.ts'
import { EgressError } from './egress-error.ts'

export type EgressPolicy = {
  /** Whether public hosts may be called without TLS. */
  allowHttp: boolean
  /** Ports of public hosts. Port 0 is never allowed. */
  ports: ReadonlySet<number> | 'any'
  /** The operator's ranges: reachable though private, by http too and on any port. */
  allow: readonly Cidr[]
  /** Never reachable, whatever else allows them. */
  deny: readonly Cidr[]
  /** When given, only these hosts and their subdomains, in the operator's ranges too. */
  hosts?: readonly string[]
  /** What the operator's environment names itself: called wherever it leads, unless that is denied. */
  trusted?: readonly Target[]
  /** Told of every call that was refused. */
  onRefused?: (code: 'blocked' | 'invalid_url') => void
}

/** Where a connection would go: a name without its final dot, or an address without brackets. */
export type Target = { protocol: string; hostname: string; port: number }

const MAX_URL_LENGTH = 2048
const LOCAL_NAME =
  /^[^.]*$|\.(localhost|local|localdomain|internal|intranet|lan|corp|home|svc|consul|onion|home\.arpa|cluster\.local)$|^metadata\.goog$/
const PUBLIC_IPV6 = parseCidrs('2000::/3')
// Not private by any registry, but never a public host: Azure's wire server and the v4 addresses written as v6.
const NEVER_PUBLIC = parseCidrs('168.63.129.16')
const IPV4_MAPPED = parseCidrs('::ffff:0:0/96')
export const LOOPBACK_ADDRESSES: readonly string[] = ['127.0.0.1', '::1']

/** Parses once and judges everything that can be judged without DNS. The answer is the URL to call, and no other. */
export function checkUrl(input: string | URL, policy: EgressPolicy): URL {
  const url = parseUrl(input, policy)
  const { protocol } = url
  if (protocol !== 'https:' && protocol !== 'http:')
    throw refusal('invalid_url', 'The URL must be http or https', policy)
  checkTarget(targetOf(url), policy)
  if (url.username !== '' || url.password !== '') {
    throw refusal('invalid_url', 'The URL must not carry a user name or password', policy)
  }
  return url
}

function parseUrl(input: string | URL, policy: EgressPolicy): URL {
  const text = String(input)
  if (text.length > MAX_URL_LENGTH) {
    throw refusal('invalid_url', `The URL is longer than ${MAX_URL_LENGTH} characters`, policy)
  }
  const url = URL.parse(text)
  if (url === null) throw refusal('invalid_url', 'The URL cannot be parsed', policy)
  url.hash = ''
  if (url.hostname.endsWith('.')) url.hostname = url.hostname.slice(0, -1)
  return url
}

/** Where a call of the URL goes, its scheme's usual port filled in. */
export function targetOf({ protocol, hostname, port }: URL): Target {
  const defaultPort = protocol === 'https:' ? 443 : 80
  return { protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? defaultPort : Number(port) }
}

/** Refuses what needs no resolution to be refused. A name that passes still has to resolve to allowed addresses. */
export function checkTarget(target: Target, policy: EgressPolicy): void {
  const { hostname, port } = target
  if (port === 0 || hostname === '' || hostname.endsWith('.')) {
    throw refusal('invalid_url', 'The URL has no host or port that can be called', policy)
  }
  if (isTrusted(target, policy)) return
  const allowed = parseAddress(hostname) ? isAddressAllowed(hostname, target, policy) : isNameAllowed(target, policy)
  if (!allowed || !isHostListed(hostname, policy)) {
    throw blocked(policy)
  }
}

/** The URL leads where nobody may be sent. */
export function blocked(policy: EgressPolicy): EgressError {
  return refusal('blocked', 'The URL leads to a host, scheme or port that may not be called', policy)
}

function refusal(code: 'blocked' | 'invalid_url', message: string, { onRefused }: EgressPolicy): EgressError {
  onRefused?.(code)
  return new EgressError(code, message)
}

/** The decision on one resolved or literal address. */
export function isAddressAllowed(address: string, target: Target, policy: EgressPolicy): boolean {
  const parsed = parseAddress(address)
  if (parsed === undefined || isInside(parsed, policy.deny) || isInside(parsed, IPV4_MAPPED)) return false
  if (isTrusted(target, policy) || isInside(parsed, policy.allow)) return true
  const isPublic = parsed.range() === 'unicast' && !isInside(parsed, NEVER_PUBLIC)
  const isGlobal = parsed.kind() === 'ipv4' || isInside(parsed, PUBLIC_IPV6)
  return isPublic && isGlobal && !isLocalName(target.hostname) && isPublicCallAllowed(target, policy)
}

/** Whether the operator's environment names this very place. */
export function isTrusted({ protocol, hostname, port }: Target, { trusted = [] }: EgressPolicy): boolean {
  return trusted.some((known) => known.protocol === protocol && known.hostname === hostname && known.port === port)
}

// A name may turn out to lie in the operator's ranges, so while there are any, only the addresses can decide.
function isNameAllowed(target: Target, policy: EgressPolicy): boolean {
  if (isLocalhost(target.hostname)) {
    return LOOPBACK_ADDRESSES.some((address) => isAddressAllowed(address, target, policy))
  }
  if (policy.allow.length > 0) return true
  return !isLocalName(target.hostname) && isPublicCallAllowed(target, policy)
}

function isPublicCallAllowed({ protocol, port }: Target, { allowHttp, ports }: EgressPolicy): boolean {
  return (protocol === 'https:' || allowHttp) && (ports === 'any' || ports.has(port))
}

function isHostListed(hostname: string, { hosts }: EgressPolicy): boolean {
  if (hosts === undefined) return true
  const isName = parseAddress(hostname) === undefined
  return hosts.some((host) => hostname === host || (isName && hostname.endsWith(`.${host}`)))
}

export function isLocalhost(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost')
}

/** Names that mean something only inside a network: they may lead into the operator's ranges and nowhere else. */
export function isLocalName(hostname: string): boolean {
  return LOCAL_NAME.test(hostname) && parseAddress(hostname) === undefined
}
