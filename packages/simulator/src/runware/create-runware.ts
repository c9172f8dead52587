import { Disturbance } from '../disturbance.ts'
import { giveUp, Listener } from '../listener.ts'
import { Seeded } from '../seeded.ts'
import { redirectUrl, type Surroundings } from '../surroundings.ts'
import { Outgoing } from './outgoing.ts'
import { RunwareOutputs } from './outputs.ts'
import { Push } from './push.ts'
import { RunwareRest } from './rest.ts'
import { RunwareSimulator } from './runware-simulator.ts'
import type { RunwareScript } from './script.ts'
import { RunwareSockets } from './socket.ts'
import { World } from './world.ts'

export interface RunwareOptions {
  readonly port?: number | undefined
  /** The keys that are let in; one made from the seed unless given. */
  readonly keys?: readonly string[] | undefined
  /** Balance of each key, in USD. */
  readonly balanceUsd?: number | undefined
  /** Clock time from submit to result of everything that is neither video nor 3D. */
  readonly imageMs?: number | undefined
  readonly videoMs?: number | undefined
  /** For how long getResponse knows a finished task. */
  readonly retentionMs?: number | undefined
  /** Tasks of one model in the works at once; no cap unless given. */
  readonly concurrency?: number | undefined
  /** Size that outputs are padded to. */
  readonly minOutputBytes?: number | undefined
  /** False lets any task pass, for load tests. */
  readonly validate?: boolean | undefined
  /** Played by every task for which nothing else is asked. */
  readonly profile?: RunwareScript | undefined
  readonly minPollIntervalMs?: number | undefined
  /** How long a request may wait for its results. */
  readonly edgeTimeoutMs?: number | undefined
  /** A WebSocket that is silent for so long is closed. */
  readonly idleMs?: number | undefined
}

const HOUR_MS = 60 * 60 * 1000
const SOCKET_ANSWER_WITHIN_MS = 120_000

/** Puts the provider together; `start` opens its port. */
export function createRunware(
  options: RunwareOptions,
  { host, publicHost, clock, journal, seed, assetsUrl }: Surroundings & { readonly assetsUrl: () => string },
): RunwareSimulator {
  const seeded = new Seeded(`runware ${seed}`)
  const world = new World({
    clock,
    seeded,
    keys: options.keys ?? [seeded.digest('key').toString('hex').slice(0, 32)],
    balanceUsd: options.balanceUsd ?? 1_000_000,
    imageMs: options.imageMs ?? 800,
    videoMs: options.videoMs ?? 12_000,
    retentionMs: options.retentionMs ?? HOUR_MS,
    concurrency: options.concurrency,
    minPollIntervalMs: options.minPollIntervalMs ?? 900,
    profile: options.profile ?? {},
  })
  const disturbance = new Disturbance(clock)
  const outgoing = new Outgoing()
  const outputs = new RunwareOutputs({
    world,
    assetsUrl,
    minOutputBytes: options.minOutputBytes ?? 0,
    redirectUrl: (name, path) => redirectUrl(name, path, assetsUrl()),
  })
  const push = new Push(clock, outputs, outgoing)
  const context = {
    world,
    outputs,
    push,
    validate: options.validate ?? true,
    refuse: (ms: number) => api.refuse(ms),
  }
  const rest = new RunwareRest({
    ...context,
    disturbance,
    edgeTimeoutMs: options.edgeTimeoutMs ?? 100_000,
    redirectUrl: (name, path) => (name === 'other' ? `${assetsUrl()}/redirected` : redirectUrl(name, path, api.url)),
  })
  const sockets = new RunwareSockets({
    ...context,
    disturbance,
    journal,
    idleMs: options.idleMs ?? 120_000,
    answerWithinMs: SOCKET_ANSWER_WITHIN_MS,
  })
  const api: Listener = new Listener({
    host,
    port: options.port ?? 0,
    publicHost,
    clock,
    handle: (request, response) => {
      const entry = journal.open('runware', request, response)
      rest.handle({ request, response, entry, clock }).catch((error: Error) => giveUp(response, error))
    },
    upgrade: (request, socket, head) => sockets.upgrade(request, socket, head),
  })
  return new RunwareSimulator({ world, outputs, disturbance, push, outgoing, sockets, api })
}
