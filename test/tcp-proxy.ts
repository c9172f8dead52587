import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** What lies between two ends of a connection; may be changed while it is in use. */
type Trouble = {
  /** Of every piece, each way. */
  latencyMs?: number
  bytesPerSecond?: number
  /** A connection is reset when it has carried so many towards the target. */
  resetAfterBytes?: number
}

/** A network of our own before a server on loopback. */
export type TcpProxy = {
  port: number
  /** What the clients of Redis are told. */
  url: string
  trouble: Trouble
  /** New connections go there; those that are open stay where they are. */
  target: number
  /** Nothing passes, nothing is closed, until `thaw`. */
  freeze(): void
  thaw(): void
  /** Resets every connection that is open. */
  cut(): void
  close(): Promise<void>
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let thawed: PromiseWithResolvers<void> | undefined

  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    return socket
  }
  /** In order, each piece when it is due. */
  const pass = (from: Socket, to: Socket, limit: () => number) => {
    let before: Promise<void> = Promise.resolve()
    let passed = 0
    from.on('data', (piece: Buffer) => {
      const dueMs = performance.now() + (proxy.trouble.latencyMs ?? 0)
      before = before.then(async () => {
        const { bytesPerSecond } = proxy.trouble
        const leftMs = dueMs - performance.now()
        if (leftMs > 0) await delay(leftMs)
        if (bytesPerSecond !== undefined) await delay((piece.length / bytesPerSecond) * 1000)
        await thawed?.promise
        passed += piece.length
        if (passed > limit()) for (const socket of [from, to]) socket.resetAndDestroy()
        else if (!to.destroyed) to.write(piece)
      })
    })
    from.on('close', () => void before.then(() => to.destroy()))
  }
  const server = createServer((client) => {
    const upstream = keep(connect(proxy.target, '127.0.0.1'))
    for (const socket of [keep(client), upstream]) socket.setNoDelay(true)
    pass(client, upstream, () => proxy.trouble.resetAfterBytes ?? Number.POSITIVE_INFINITY)
    pass(upstream, client, () => Number.POSITIVE_INFINITY)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  const proxy: TcpProxy = {
    port: address.port,
    url: `redis://127.0.0.1:${address.port}`,
    trouble: {},
    target,
    freeze() {
      thawed ??= Promise.withResolvers()
    },
    thaw() {
      thawed?.resolve()
      thawed = undefined
    },
    cut() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    async close() {
      proxy.thaw()
      proxy.cut()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}
