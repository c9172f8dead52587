import type { Socket } from 'node:net'
import { Agent, type buildConnector } from 'undici'
import { parseAddress } from './cidr.ts'
import { dial } from './dial.ts'
import {
  blocked,
  checkTarget,
  type EgressPolicy,
  isAddressAllowed,
  isLocalhost,
  isTrusted,
  LOOPBACK_ADDRESSES,
  type Target,
} from './egress-policy.ts'
import { createResolver, type Resolver, resolveLikeSystem, resolveWithin } from './resolver.ts'

export type GuardedAgentOptions = {
  /** Default: the configured name servers. */
  resolve?: Resolver
  dnsTimeoutMs: number
  /** For all addresses of the host together, TLS handshake included. */
  connectTimeoutMs: number
  /** Sockets per origin. */
  connections: number
  keepAliveMs: number
  /** Longest silence inside an answer's body; the total deadline belongs to the request. Default 30 s. */
  idleTimeoutMs?: number
  /** PEM certificates to trust instead of the system's. */
  ca?: string
}

/**
 * An agent that cannot reach an address the policy forbids. The guard sits where sockets are made, because undici
 * consults a `lookup` neither for IP literals nor for redirect targets that are literals.
 */
export function createGuardedAgent(policy: EgressPolicy, options: GuardedAgentOptions): Agent {
  const resolve = options.resolve ?? createResolver(options)
  return new Agent({
    allowH2: false,
    connections: options.connections,
    keepAliveTimeout: options.keepAliveMs,
    keepAliveMaxTimeout: options.keepAliveMs,
    bodyTimeout: options.idleTimeoutMs ?? 30_000,
    connect: (connectOptions, callback) => {
      openSocket(connectOptions, policy, resolve, options).then(
        (socket) => callback(null, socket),
        (error: Error) => callback(error, null),
      )
    },
  })
}

async function openSocket(
  { hostname, protocol, port }: buildConnector.Options,
  policy: EgressPolicy,
  resolve: Resolver,
  { dnsTimeoutMs, connectTimeoutMs, ca }: GuardedAgentOptions,
): Promise<Socket> {
  const portNumber = Number(port || (protocol === 'https:' ? 443 : 80))
  const target: Target = { protocol, hostname: hostname.replace(/\.$/, ''), port: portNumber }
  checkTarget(target, policy)
  // The operator's own hosts file counts for what he named himself.
  const resolver = isTrusted(target, policy) ? resolveLikeSystem : resolve
  const addresses = await addressesOf(target, policy, (name) => resolveWithin(resolver, name, dnsTimeoutMs))
  return dial({ target, addresses, timeoutMs: connectTimeoutMs, ca })
}

/** One forbidden answer condemns the name: a mixed answer is how a guard is talked past. */
async function addressesOf(target: Target, policy: EgressPolicy, resolve: Resolver): Promise<readonly string[]> {
  const { hostname } = target
  if (parseAddress(hostname)) return [hostname]
  // Not asked of any server: whoever answers for `localhost` must not decide what it is.
  if (isLocalhost(hostname)) return LOOPBACK_ADDRESSES.filter((address) => isAddressAllowed(address, target, policy))
  const addresses = await resolve(hostname)
  if (!addresses.every((address) => isAddressAllowed(address, target, policy))) {
    throw blocked(policy)
  }
  return addresses
}
