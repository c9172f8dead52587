import { subscribe } from 'node:diagnostics_channel'
import { ServerResponse } from 'node:http'
import { flushCompileCache } from 'node:module'
import { Socket } from 'node:net'
import { pino } from 'pino'
import { Faults, underWay } from './faults.ts'
import { watchRedis } from './redis-wire.ts'
import { type Answer, Order, type Seat } from './seat.ts'
import { seamsFor } from './worker-seams.ts'

/**
 * A process for workers and APIs that do to themselves what they are told. Several may share it, because most of what a
 * process costs is its start: who has come to the point where it dies does nothing any more, and once all have, or time
 * is up, the process kills itself with SIGKILL.
 */
const DIES_WITHIN_MS = 12_000
const seats = new Map<string, { faults: Faults; role: Seat['role']; sockets: Set<Socket>; stop(): Promise<void> }>()
const log = pino({ level: process.env.LOG_LEVEL ?? 'silent' }, pino.destination({ dest: 2, sync: true }))
const now = () => [...seats.values()].find(({ faults }) => faults === underWay.getStore())
// Who asked may have gone.
const tell = (answer: Answer) => void process.send?.(answer, undefined, undefined, () => {})

watchRedis(() => now()?.role !== 'api')
subscribe('http.server.request.start', (message) => {
  const { socket } = message as { socket: unknown } // node documents it
  const seat = now()
  if (!(socket instanceof Socket)) return
  if (seat?.faults.isDead) socket.destroy()
  else if (seat?.sockets.has(socket) === false)
    seat.sockets.add(socket.once('close', () => seat.sockets.delete(socket)))
})
subscribe('http.server.response.finish', (message) => {
  if (isAcceptance(message)) now()?.faults.reach('accept.after_response')
})
process.on('message', (message) => {
  const order = Order.parse(message)
  if (order.do === 'start') void start(order.seat).catch((error) => tell({ failed: String(error) }))
  else
    void seats
      .get(order.name)
      ?.stop()
      .then(() => tell({ stopped: order.name }))
})
process.on('SIGTERM', () => void Promise.all([...seats.values()].map(({ stop }) => stop())).then(() => process.exit(0)))
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
await Promise.all([import('@genqueue/worker'), import('@genqueue/api')])
// A process that is killed writes no cache.
flushCompileCache()
tell({ ready: true })

async function start({ name, role, env, faults: spec, hitsFile }: Seat): Promise<void> {
  const faults = new Faults(spec, hitsFile, onDeath)
  const sockets = new Set<Socket>()
  const open = role === 'api' ? openApi : openWorker
  seats.set(name, { faults, role, sockets, stop: async () => {} })
  const { url, stop } = await underWay.run(faults, () => open(env, faults))
  seats.set(name, { faults, role, sockets, stop })
  tell({ started: name, url })
}

async function openWorker(env: Record<string, string>, faults: Faults) {
  const { readWorkerConfig, startWorker } = await import('@genqueue/worker')
  const worker = await startWorker(readWorkerConfig(env), log, seamsFor(faults))
  return { url: worker.healthUrl, stop: () => worker.stop() }
}

async function openApi(env: Record<string, string>) {
  const { parseConfig, startApi } = await import('@genqueue/api')
  const api = await startApi(parseConfig(env), log)
  return { url: api.url, stop: () => api.close() }
}

function onDeath(): void {
  for (const { faults, sockets } of seats.values()) if (faults.isDead) for (const socket of sockets) socket.destroy()
  const die = () => process.kill(process.pid, 'SIGKILL')
  if ([...seats.values()].every(({ faults }) => faults.isDead)) die()
  setTimeout(die, DIES_WITHIN_MS)
}

function isAcceptance(message: unknown): boolean {
  const { response } = message as { response: unknown } // node documents it
  return response instanceof ServerResponse && response.req.method === 'POST' && response.statusCode < 300
}
