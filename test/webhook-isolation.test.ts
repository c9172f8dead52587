import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type House, openHouse } from './house.ts'

const HOLES = 200
const GENERATIONS = 20

let house: House
const sockets = new Set<Socket>()
let holes: { server: Server; url: string }[]
beforeAll(async () => {
  house = await openHouse({
    env: { WEBHOOK_TIMEOUT_MS: '10000' },
    simulator: { clock: { speed: 100 }, runway: { concurrency: null } },
  })
  holes = await Promise.all(Array.from({ length: HOLES }, openHole))
})
afterAll(async () => {
  for (const { server } of holes) server.close()
  for (const socket of sockets) socket.destroy()
  await house.close()
})

test('44 two hundred receivers that never answer slow neither generation nor the webhooks of one that does (I3, I9, I11)', async () => {
  const swallowed = await Promise.all(holes.map(({ url }) => house.post({ prompt: 'lost', webhook_url: url })))
  await expect.poll(() => sockets.size, { timeout: 20_000 }).toBe(HOLES)
  for (const { id } of swallowed) expect((await house.get(id)).status).toBe('succeeded')

  const startedMs = Date.now()
  const jobs = await Promise.all(Array.from({ length: GENERATIONS }, () => house.post({ prompt: 'kept' })))
  for (const { id } of jobs) {
    const job = await house.ended(id)
    expect((await house.webhook(id)).data).toEqual(job)
  }
  // Before the first of the others has run into its deadline.
  expect(Date.now() - startedMs).toBeLessThan(5_000)
  expect(sockets.size).toBeLessThanOrEqual(HOLES)
  const arrivals = house.simulator.receiver.deliveries()
  for (const { id } of jobs) {
    const endedMs = Date.parse((await house.get(id)).times.succeeded ?? '')
    const arrival = arrivals.find(({ headers }) => headers['webhook-id'] === `msg_${id.slice(4)}`)
    const tookMs = (arrival?.receivedAtMs ?? Number.NaN) - endedMs
    expect(tookMs, 'from the end of the job to its webhook').toBeGreaterThanOrEqual(0)
    expect(tookMs).toBeLessThan(1_000)
  }
})

/** Takes connections and what is written to them, and says nothing. */
async function openHole(): Promise<{ server: Server; url: string }> {
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // a server that listens on TCP answers with an AddressInfo
  return { server, url: `http://127.0.0.1:${port}/hook` }
}
