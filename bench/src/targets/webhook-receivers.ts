import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onQuestion } from '../probe.ts'

/** Receivers that take every webhook at once and note how long after the end of its job it came. */
const COUNT = Number(process.env.RECEIVERS ?? 1)
const TIMESTAMP = /"timestamp":"([^"]+)"/

let taken = 0
let lagsMs: number[] = []

const urls = await Promise.all(
  Array.from({ length: COUNT }, async () => {
    const server = createServer((request, response) => {
      const arrivedAtMs = Date.now()
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        taken += 1
        lagsMs.push(arrivedAtMs - Date.parse(TIMESTAMP.exec(Buffer.concat(chunks).toString())?.[1] ?? ''))
        response.writeHead(204).end()
      })
    })
    server.keepAliveTimeout = 60_000
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const { port } = server.address() as AddressInfo // a server that listens on TCP answers with an AddressInfo
    return `http://127.0.0.1:${port}/hook`
  }),
)
onQuestion('urls', () => urls)
onQuestion('taken', () => taken)
onQuestion('lags', () => {
  const lags = lagsMs
  lagsMs = []
  return lags
})
