import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** A loopback port that was free a moment ago, for programs that cannot be asked to choose one. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A server that listens on TCP answers with an AddressInfo.
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
