import { isIP } from 'node:net'
import type { ApiContext } from '../route.ts'

/**
 * Who asks, as far as the network knows: the peer of the connection, or what the outermost of our own proxies saw.
 * What stands further left in X-Forwarded-For was written by the caller and is not believed.
 */
export function clientAddress(c: ApiContext, proxyHops: number): string {
  const peer = c.env?.incoming?.socket.remoteAddress ?? 'unknown'
  if (proxyHops === 0) return peer
  const hops = (c.req.raw.headers.get('x-forwarded-for') ?? '').split(',').map((hop) => hop.trim())
  const address = hops.at(-proxyHops) ?? ''
  return isIP(address) ? address : peer
}
