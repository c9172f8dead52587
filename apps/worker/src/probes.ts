import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Secret } from '@genqueue/contract'
import { isBearer } from '@genqueue/metrics'

export type Readiness = { ready: boolean; checks: Record<string, string>; warnings?: readonly string[] }

export type ProbeOptions = {
  host: string
  port: number
  /** What a scraper is told; with a token only the one that carries it. */
  metrics?: { render: () => Promise<{ contentType: string; text: string }>; token?: Secret | undefined }
}

/**
 * `/livez` asks nobody, so that an outage of Redis does not restart the fleet; `/readyz` is red while draining;
 * `/metrics` is for a scraper.
 */
export async function serveProbes(
  options: ProbeOptions,
  readiness: () => Promise<Readiness>,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server: Server = createServer((request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      response.end(JSON.stringify(body))
    }
    if (request.url === '/livez') return answer(200, { status: 'ok' })
    const { metrics } = options
    if (request.url === '/metrics' && metrics) {
      const { token, render } = metrics
      if (token && !isBearer(request.headers.authorization, token.reveal())) {
        return answer(401, { status: 'METRICS_TOKEN is wanted as a bearer token' })
      }
      render().then(
        ({ contentType, text }) => response.writeHead(200, { 'content-type': contentType }).end(text),
        () => answer(500, { status: 'failed' }),
      )
      return
    }
    if (request.url !== '/readyz') return answer(404, { status: 'not found' })
    readiness().then(
      ({ ready, ...report }) => answer(ready ? 200 : 503, { status: ready ? 'ok' : 'unavailable', ...report }),
      () => answer(503, { status: 'unavailable' }),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  const { port } = server.address() as AddressInfo // listening on TCP
  return {
    url: `http://${options.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
