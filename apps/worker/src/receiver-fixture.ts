import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

const TLS_HANDSHAKE = 0x16

/** A webhook as its receiver saw it. */
export type ReceivedCall = { path: string; headers: Headers; body: string }

export type RawReceiver = {
  url: string
  calls: ReceivedCall[]
  sockets: ReadonlySet<Socket>
  close(): Promise<void>
}

/** A raw TCP or TLS server that does with each request whatever the test says, and keeps what came. */
export async function startReceiver(
  answer: (socket: Socket, call: ReceivedCall) => void,
  tls?: { key: string; cert: string },
): Promise<RawReceiver> {
  const calls: ReceivedCall[] = []
  const sockets = new Set<Socket>()
  const serve = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    let received = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received[0] === TLS_HANDSHAKE) socket.end('HTTP/1.1 400 x\r\n\r\n')
      const call = readCall(received)
      if (!call) return
      received = Buffer.alloc(0)
      calls.push(call)
      answer(socket, call)
    })
  }
  const server = tls ? createTlsServer(tls, serve) : createServer(serve)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // a server that listens on TCP answers with an AddressInfo
  return {
    url: tls ? `https://localhost:${port}/hook` : `http://127.0.0.1:${port}/hook`,
    calls,
    sockets,
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** An answer as it goes over the wire. */
export function respond(status: number, headers: Readonly<Record<string, string>> = {}, body = 'noted'): string {
  const lines = Object.entries({ 'content-length': String(Buffer.byteLength(body)), ...headers })
  return `HTTP/1.1 ${status} x\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}

/** A request that is there as a whole. */
function readCall(received: Buffer): ReceivedCall | undefined {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [start = '', ...lines] = received.subarray(0, end).toString('latin1').split('\r\n')
  const headers = new Headers(lines.map((line): [string, string] => split(line)))
  const body = received.subarray(end + 4)
  if (body.byteLength < Number(headers.get('content-length') ?? 0)) return undefined
  return { path: start.split(' ')[1] ?? '', headers, body: body.toString() }
}

function split(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
}
