import { IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Requests that are answered for as long as a client listens. */
const LONG = /^\/v1\/jobs\/[^/?]+\/events(?:\?|$)/

/**
 * A connection of node:http keeps a parser, a request, an answer and what binds them, 11 KB in all, unless its request
 * asks for another protocol: then its socket is handed over and the rest let go. So these requests say that they do.
 */
export class ApiRequest extends IncomingMessage {
  get upgrade(): boolean {
    return this.method === 'GET' ? LONG.test(this.url ?? '') : this.method === 'CONNECT'
  }

  /** What the parser says of other requests: all of them are answered as if they had not asked. */
  set upgrade(_asked: unknown) {}
}

const handedOver = new WeakSet<ServerResponse>()

/** Whether node:http has let go of the answer's socket. Of others nothing may be taken: it would answer there as well. */
export function isHandedOver(response: ServerResponse | undefined): response is ServerResponse {
  return response !== undefined && handedOver.has(response)
}

/** Answers the long requests of a server of `ApiRequest`s as its others, then closes. Returns how to cut them off. */
export function handOver(server: Server): () => void {
  const sockets = new Set<Socket>()
  // Shared by all sockets, because there are many.
  const forget = function (this: Socket) {
    sockets.delete(this)
  }
  server.on('upgrade', (request: IncomingMessage) => {
    const { socket } = request
    sockets.add(socket)
    socket.on('close', forget).on('end', endToo).on('error', ignore)
    // Whoever reads nothing does not see that the client has gone.
    socket.resume()
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    handedOver.add(response)
    try {
      response.assignSocket(socket)
    } catch {
      // The client did not wait for its last answer, which is still being written.
      socket.destroy()
      return
    }
    response.once('finish', () => socket.destroySoon())
    server.emit('request', request, response)
  })
  return () => {
    for (const socket of sockets) socket.destroy()
  }
}

function endToo(this: Socket): void {
  this.end()
}

/** The socket closes by itself, and whoever leaves in the middle of a write is no error of ours. */
function ignore(): void {}
