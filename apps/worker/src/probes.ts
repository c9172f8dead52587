import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Readiness = { ready: boolean; checks: Record<string, string> }

/** `/livez` asks nobody, so that an outage of Redis does not restart the fleet; `/readyz` is red while draining. */
export async function serveProbes(
  options: { host: string; port: number },
  readiness: () => Promise<Readiness>,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server: Server = createServer((request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      response.end(JSON.stringify(body))
    }
    if (request.url === '/livez') return answer(200, { status: 'ok' })
    if (request.url !== '/readyz') return answer(404, { status: 'not found' })
    readiness().then(
      ({ ready, checks }) => answer(ready ? 200 : 503, { status: ready ? 'ok' : 'unavailable', checks }),
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
