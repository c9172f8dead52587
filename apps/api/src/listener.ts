import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import type { createApp } from './app.ts'
import { ApiRequest, handOver } from './hand-over.ts'

const SERVER_OPTIONS = {
  // 200 MB over 3 Mbit/s; intake gives up on a silent sender long before.
  requestTimeout: 610_000,
  headersTimeout: 15_000,
  // Longer than the idle timeout of the usual load balancers, which must be the ones to close.
  keepAliveTimeout: 75_000,
  maxHeaderSize: 16_384,
  IncomingMessage: ApiRequest,
}
const IDLE_SWEEP_MS = 50

type App = ReturnType<typeof createApp>

export type Listener = {
  port: number
  url: string
  /** Until then every request is answered 503: the app needs to know the port, which may be any free one. */
  serve(app: App): void
  /** Takes no new connection, closes each one when its request is answered, and cuts what is left after the grace. */
  drain(graceMs: number): Promise<void>
}

/** A port that is open. */
export async function openListener(host: string, wantedPort: number): Promise<Listener> {
  let app: App | undefined
  const server = createAdaptorServer({
    fetch: (request, env) => app?.fetch(request, env) ?? new Response(null, { status: 503 }),
    serverOptions: SERVER_OPTIONS,
  }) as Server // node:http is what it makes unless another createServer is given
  const cutLong = handOver(server)
  const port = await listen(server, host, wantedPort)
  return {
    port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    serve(served) {
      app = served
    },
    drain: (graceMs) => drain(server, graceMs, cutLong),
  }
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The server listens on no TCP port')
  return address.port
}

async function drain(server: Server, graceMs: number, cutLong: () => void): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()))
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS)
  const grace = setTimeout(() => {
    server.closeAllConnections()
    cutLong()
  }, graceMs)
  await ended
  clearInterval(sweep)
  clearTimeout(grace)
}
