import { promises as dns } from 'node:dns'
import { EgressError } from './egress-error.ts'
import { isLocalName } from './egress-policy.ts'

/** Every address of a name, IPv4 and IPv6; an empty list when it has none. */
export type Resolver = (hostname: string) => Promise<readonly string[]>

export type ResolverOptions = {
  dnsTimeoutMs: number
  /** `address:port`; default: what the system is configured with. */
  nameServers?: readonly string[]
}

/**
 * Asks the configured name servers directly, off the thread pool that files and hashing share. Local names (a compose
 * service, `host.docker.internal`) live in the hosts file and search domains, which only the system's own lookup reads.
 */
export function createResolver({ dnsTimeoutMs, nameServers }: ResolverOptions): Resolver {
  return async (hostname) => {
    if (isLocalName(hostname)) return resolveLikeSystem(hostname)
    // The second try waits twice as long: a server silent about one family leaves time to use the other.
    const resolver = new dns.Resolver({ timeout: Math.ceil(dnsTimeoutMs / 4), tries: 2 })
    if (nameServers !== undefined) resolver.setServers(nameServers)
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    const failed = answers.find((answer) => answer.status === 'rejected' && !isEmptyAnswer(answer.reason))
    if (addresses.length === 0 && failed?.status === 'rejected') throw failed.reason
    return addresses
  }
}

/** As every other program on the machine would. */
export async function resolveLikeSystem(hostname: string): Promise<readonly string[]> {
  return (await dns.lookup(hostname, { all: true, order: 'ipv4first' })).map(({ address }) => address)
}

function isEmptyAnswer(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENODATA' || error.code === 'ENOTFOUND')
}

/** Resolves within the deadline or fails with `dns`. */
export async function resolveWithin(
  resolve: Resolver,
  hostname: string,
  timeoutMs: number,
): Promise<readonly string[]> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new EgressError('dns', 'Resolving the host took too long')), timeoutMs)
  try {
    const addresses = await Promise.race([resolve(hostname), late.promise])
    if (addresses.length === 0) throw new EgressError('dns', 'The host has no address')
    return addresses
  } catch (cause) {
    throw cause instanceof EgressError ? cause : new EgressError('dns', 'The host could not be resolved', { cause })
  } finally {
    clearTimeout(timer)
  }
}
