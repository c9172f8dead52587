import { z } from 'zod'
import type { Clock } from './clock.ts'
import { type Exchange, parseJson, readBody, sendJson } from './exchange.ts'
import { BadFault } from './fault-args.ts'
import { Journal, type JournalEntry } from './journal.ts'
import { giveUp, Listener } from './listener.ts'
import type { Receiver } from './receiver/receiver.ts'
import { RUNWARE_FAULT_IDS, runwareFaultScript } from './runware/faults.ts'
import type { RunwareSimulator } from './runware/runware-simulator.ts'
import { RunwareMatch, RunwareScript } from './runware/script.ts'
import { FAULT_IDS, faultScript } from './runway/faults.ts'
import type { RunwaySimulator } from './runway/runway-simulator.ts'
import { Match, Script } from './runway/script.ts'
import type { Violation } from './violation.ts'

export interface Controlled {
  readonly runway: RunwaySimulator
  readonly runware: RunwareSimulator
  readonly receiver: Pick<Receiver, 'deliveries'>
  readonly clock: Clock
  journal(since?: number): JournalEntry[]
  violations(): Violation[]
  reset(): void
}

const FaultRequest = z.strictObject({
  fault: z.string(),
  args: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  match: Match.optional(),
})
const ScriptRequest = z.union([FaultRequest, z.strictObject({ script: Script })])
const RunwareScriptRequest = z.union([
  FaultRequest.extend({ provider: z.literal('runware'), match: RunwareMatch.optional() }),
  z.strictObject({ provider: z.literal('runware'), script: RunwareScript }),
])
const provider = z.enum(['runway', 'runware']).default('runway')
const ClockRequest = z.strictObject({ advanceMs: z.number().min(0) })
const limit = z.int().min(0).nullable().optional()
const LimitsRequest = z.strictObject({
  provider,
  model: z.string().optional(),
  concurrency: limit,
  daily: limit,
  credits: z.number().optional(),
})
const TroubleRequest = z.strictObject({
  provider,
  down: z.strictObject({ ms: z.number().positive(), how: z.enum(['unavailable', 'refused']).optional() }).optional(),
  brownout: z
    .strictObject({ probability: z.number().min(0).max(1), seed: z.string(), lossy: z.boolean().optional() })
    .optional(),
  latency: z.strictObject({ minMs: z.number().min(0), maxMs: z.number().min(0), seed: z.string() }).optional(),
  restart: z.enum(['keep', 'lose']).optional(),
  skewMs: z.number().optional(),
})

const MAX_BODY_BYTES = 1024 * 1024

type Route = (body: unknown, query: URLSearchParams) => unknown

/** What the simulator can be asked and told over HTTP, under `/__sim/`. */
function routesFor(simulator: Controlled): Readonly<Record<string, Route>> {
  const { runway, runware, clock } = simulator
  const asked = (query: URLSearchParams) => simulator[provider.parse(query.get('provider') ?? undefined)]
  const time = (): object => ({ nowMs: clock.now(), mode: clock.mode })
  return {
    'GET faults': (_body, query) => (asked(query) === runware ? RUNWARE_FAULT_IDS : FAULT_IDS),
    'GET clock': time,
    'POST clock': (body) => {
      clock.advance(ClockRequest.parse(body).advanceMs)
      return time()
    },
    'POST scripts': (body) => {
      if (isFor('runware', body)) {
        const request = RunwareScriptRequest.parse(body)
        if ('script' in request) runware.script(request.script)
        else runware.script(matched(runwareFaultScript(request.fault, request.args), request.match))
      } else {
        const request = ScriptRequest.parse(body)
        if ('script' in request) runway.script(request.script)
        else runway.script(matched(faultScript(request.fault, request.args), request.match))
      }
      return { queued: true }
    },
    'GET journal': (_body, query) => simulator.journal(Number(query.get('since') ?? 0)),
    'GET tasks': (_body, query) => asked(query).tasks(),
    'GET ledger': (_body, query) => asked(query).ledger(),
    'GET violations': () => simulator.violations(),
    'GET uploads': () => runway.uploads(),
    'GET pushes': () => runware.pushes(),
    'GET deliveries': (_body, query) =>
      simulator.receiver.deliveries(query.get('path') ?? undefined).map(({ body, rawHeaders: _, ...delivery }) => ({
        ...delivery,
        body: body.toString(),
      })),
    'POST limits': (body) => {
      const { provider, model, concurrency, daily, credits } = LimitsRequest.parse(body)
      if (concurrency !== undefined) simulator[provider].setConcurrency(concurrency ?? undefined, model)
      if (daily !== undefined) runway.setDailyCap(daily ?? undefined, model)
      if (credits !== undefined && provider === 'runway') runway.setCredits(credits)
      if (credits !== undefined && provider === 'runware') runware.setBalance(credits)
      return { set: true }
    },
    'POST troubles': (body) => {
      const { provider, down, brownout, latency, restart, skewMs } = TroubleRequest.parse(body)
      const troubled = simulator[provider]
      if (down) troubled.down(down.ms, down.how)
      if (brownout) troubled.brownout(brownout.probability, brownout.seed, { lossy: brownout.lossy })
      if (latency) troubled.latency(latency)
      if (restart) troubled.restart(restart)
      if (skewMs !== undefined) troubled.disturbance.skewMs = skewMs
      return { set: true }
    },
    'POST reset': () => {
      simulator.reset()
      return { reset: true }
    },
  }
}

function isFor(name: string, body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'provider' in body && body.provider === name
}

function matched<S extends object, M>(script: S, match: M | undefined): S & { match?: M } {
  return { ...script, ...(match === undefined ? {} : { match }) }
}

/** Opens the control port. Its own requests are in no journal. */
export async function startControl(
  simulator: Controlled,
  { host, publicHost, port }: { host: string; publicHost: string | undefined; port: number },
): Promise<Listener> {
  const { clock } = simulator
  const ownJournal = new Journal(clock, 1)
  const routes = routesFor(simulator)
  const listener = new Listener({
    host,
    publicHost,
    port,
    clock,
    handle: (request, response) => {
      const entry = ownJournal.open('control', request, response)
      handle({ request, response, entry, clock }, routes).catch((error: Error) => giveUp(response, error))
    },
  })
  await listener.start()
  return listener
}

async function handle(exchange: Exchange, routes: Readonly<Record<string, Route>>): Promise<void> {
  const { method = '', url = '/' } = exchange.request
  const { pathname, searchParams } = new URL(url, 'http://simulator')
  const raw = await readBody(exchange, MAX_BODY_BYTES)
  if (exchange.response.destroyed) return
  const name = `${method} ${pathname.replace(/^\/__sim\//, '')}`
  const route = Object.hasOwn(routes, name) ? routes[name] : undefined
  if (!route) {
    sendJson(exchange, 404, { error: 'There is no such control', controls: Object.keys(routes) })
    return
  }
  try {
    sendJson(exchange, 200, route(parseJson(raw?.toString() ?? ''), searchParams))
  } catch (error) {
    if (error instanceof z.ZodError) sendJson(exchange, 400, { error: z.prettifyError(error) })
    else if (error instanceof BadFault || error instanceof RangeError) sendJson(exchange, 400, { error: error.message })
    else sendJson(exchange, 409, { error: error instanceof Error ? error.message : String(error) })
  }
}
