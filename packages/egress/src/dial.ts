import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { parseAddress } from './cidr.ts'
import { classifyNetworkError } from './classify-network-error.ts'
import { EgressError } from './egress-error.ts'
import type { Target } from './egress-policy.ts'

const MAX_ADDRESSES = 4

export type DialOptions = {
  target: Target
  /** Already judged. Tried one after the other; nothing but these is ever connected to. */
  addresses: readonly string[]
  timeoutMs: number
  ca?: string | undefined
}

/**
 * A socket to one of the pinned addresses, ready for the request. Written on node:net and node:tls rather than undici's
 * connector so that the peer is compared before the first TLS byte and one deadline spans dial and handshake.
 */
export async function dial({ target, addresses, timeoutMs, ca }: DialOptions): Promise<Socket> {
  const deadline = performance.now() + timeoutMs
  const candidates = addresses.slice(0, MAX_ADDRESSES)
  let failure: unknown
  for (const [index, address] of candidates.entries()) {
    const remainingMs = deadline - performance.now()
    const shareMs = Math.max(1, remainingMs / (candidates.length - index))
    try {
      const socket = await connected(connectTcp({ host: address, port: target.port }), 'connect', shareMs)
      assertPeer(socket, address)
      if (target.protocol === 'http:') return socket
      return await handshake(socket, target, deadline - performance.now(), ca)
    } catch (error) {
      failure = error
      // Another address is for a host that does not answer. A bad certificate is an answer.
      if (error instanceof EgressError && error.code !== 'connect' && error.code !== 'timeout') break
    }
  }
  throw failure
}

function assertPeer(socket: Socket, address: string): void {
  const peer = parseAddress(socket.remoteAddress ?? '')?.toNormalizedString()
  if (peer === parseAddress(address)?.toNormalizedString()) return
  socket.destroy()
  throw new EgressError('blocked', 'The connection did not lead to the address that was checked')
}

function handshake(socket: Socket, { hostname }: Target, timeoutMs: number, ca: string | undefined): Promise<Socket> {
  const isName = parseAddress(hostname) === undefined
  const secure = connectTls({
    socket,
    host: hostname,
    ...(isName && { servername: hostname }),
    ALPNProtocols: ['http/1.1'],
    ...(ca !== undefined && { ca }),
  })
  return connected(secure, 'secureConnect', timeoutMs)
}

function connected(socket: Socket, event: 'connect' | 'secureConnect', timeoutMs: number): Promise<Socket> {
  const code = event === 'connect' ? 'connect' : 'tls'
  return new Promise((resolve, reject) => {
    const fail = (error: EgressError) => {
      clearTimeout(timer)
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(() => fail(new EgressError('timeout', 'Connecting took too long')), Math.max(1, timeoutMs))
    // Stays for the socket's life: between here and undici's own listeners an error must not end the process.
    socket.on('error', (cause) => fail(connectError(code, cause)))
    socket.once(event, () => {
      clearTimeout(timer)
      socket.setNoDelay(true)
      resolve(socket)
    })
  })
}

function connectError(code: 'connect' | 'tls', cause: Error): EgressError {
  if (classifyNetworkError(cause).code === 'timeout')
    return new EgressError('timeout', 'Connecting took too long', { cause })
  const message = code === 'connect' ? 'The host could not be connected to' : 'The host offers no trustworthy TLS'
  return new EgressError(code, message, { cause })
}
