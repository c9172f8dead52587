import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

export type LoopbackServer = {
  port: number
  /** The head of every request seen, in order. */
  heads: string[]
  sockets: Set<Socket>
  [Symbol.asyncDispose](): Promise<void>
}

/** For tests: a raw TCP server on loopback that answers each request's head with whatever bytes the test writes. */
export async function startLoopbackServer(
  answer: (socket: Socket, head: string) => void,
  host = '127.0.0.1',
): Promise<LoopbackServer> {
  const heads: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      const end = received.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = received.slice(0, end)
      received = ''
      heads.push(head)
      answer(socket, head)
    })
  })
  server.listen(0, host)
  await once(server, 'listening')
  // A server that listens on TCP answers with an AddressInfo.
  const { port } = server.address() as AddressInfo
  return {
    port,
    heads,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

export const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
