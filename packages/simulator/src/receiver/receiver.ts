import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Behaviour, carryOut } from './behaviour.ts'

export interface ReceiverOptions {
  port?: number
  host?: string
  /** The name under which callers reach the receiver, where it differs from the address it listens on. */
  publicHost?: string
}

/** One request as it came, written down before it was answered. */
export interface Delivery {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Names and values in turn, as they stood on the wire. */
  readonly rawHeaders: readonly string[]
  /** The exact bytes, empty where the behaviour refused to read them. */
  readonly body: Buffer
  /** Whether the caller sent its body to the end. */
  readonly complete: boolean
  readonly receivedAtMs: number
  readonly behaviour: Behaviour['kind']
  /** The status that the behaviour answers with; undefined where it answers nothing. */
  readonly status: number | undefined
}

export type BehaviourRule = Behaviour & {
  /** Only requests for this path, query apart. */
  path?: string
  /** Only so many requests; without it the rule holds until a later one replaces it. */
  times?: number
}

export interface Receiver {
  readonly url: string
  deliveries(path?: string): Delivery[]
  /** The first delivery, past or future, that fits. */
  waitFor(
    predicate: (delivery: Delivery, all: readonly Delivery[]) => boolean,
    options?: { timeoutMs?: number },
  ): Promise<Delivery>
  /** Counted rules are used up in the order they were given; behind them the latest lasting rule holds; else 204. */
  behave(rule: BehaviourRule): void
  close(): Promise<void>
}

const OBEDIENT: Behaviour = { kind: 'answer', status: 204 }
const DEFAULT_TIMEOUT_MS = 5_000

/** A webhook receiver that writes everything down and can be told to misbehave. */
export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const host = options.host ?? '127.0.0.1'
  const rules: { rule: BehaviourRule; left: number }[] = []
  const deliveries: Delivery[] = []
  const watchers = new Set<() => void>()

  const behaviourFor = (path: string): Behaviour => {
    const fitting = rules.filter(({ rule, left }) => left > 0 && (rule.path === undefined || rule.path === path))
    const chosen = fitting.find(({ left }) => Number.isFinite(left)) ?? fitting.at(-1)
    if (chosen === undefined) return OBEDIENT
    chosen.left -= 1
    return chosen.rule
  }
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url: path = '', headers, rawHeaders } = request
    const receivedAtMs = Date.now()
    const behaviour = behaviourFor(path.split('?')[0] ?? path)
    const { body, complete } =
      behaviour.kind === 'reset_before_reading' ? { body: Buffer.alloc(0), complete: false } : await readAll(request)
    deliveries.push({
      ...{ method, path, headers, rawHeaders, body, complete, receivedAtMs },
      behaviour: behaviour.kind,
      status: statusOf(behaviour),
    })
    for (const look of watchers) look()
    await carryOut(behaviour, request, response)
  }
  const server = createServer((request, response) => {
    // A caller that hangs up ends its own request, never the receiver.
    serve(request, response).catch(() => response.destroy())
  })
  server.listen(options.port ?? 0, host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The receiver listens on no TCP port')

  return {
    url: `http://${options.publicHost ?? host}:${address.port}`,
    deliveries: (path) => deliveries.filter((delivery) => path === undefined || delivery.path === path),
    waitFor: (predicate, { timeoutMs = DEFAULT_TIMEOUT_MS } = {}) =>
      new Promise((resolve, reject) => {
        const stop = () => {
          clearTimeout(timer)
          watchers.delete(look)
        }
        const look = () => {
          try {
            const found = deliveries.find((delivery) => predicate(delivery, deliveries))
            if (found === undefined) return
            stop()
            resolve(found)
          } catch (error) {
            stop()
            reject(error)
          }
        }
        const timer = setTimeout(() => {
          stop()
          const seen = deliveries.map(({ method, path }) => `${method} ${path}`).join(', ') || 'nothing'
          reject(new Error(`No fitting delivery within ${timeoutMs} ms; received: ${seen}`))
        }, timeoutMs)
        watchers.add(look)
        look()
      }),
    behave: (rule) => void rules.push({ rule, left: rule.times ?? Number.POSITIVE_INFINITY }),
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function readAll(request: IncomingMessage): Promise<{ body: Buffer; complete: boolean }> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk)
    return { body: Buffer.concat(chunks), complete: true }
  } catch {
    return { body: Buffer.concat(chunks), complete: false }
  }
}

function statusOf(behaviour: Behaviour): number | undefined {
  switch (behaviour.kind) {
    case 'hang':
    case 'drip_headers':
    case 'reset_before_reading':
    case 'reset_after_reading':
      return undefined
    case 'reset_after_status':
      return 200
    default:
      return behaviour.status ?? 200
  }
}
