import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import type { Disturbance } from '../disturbance.ts'
import type { Journal, JournalEntry } from '../journal.ts'
import { itemsOf, whenAnswered } from './answer.ts'
import { accountOf, isAuthentication } from './authenticate.ts'
import type { Handled, RunwareContext } from './call.ts'
import { handleElement } from './element.ts'
import { encodeExactJson, parseExactJson } from './exact-json.ts'
import { type Problem, problem } from './problem.ts'
import type { ConnectionStep } from './script.ts'
import { Session } from './session.ts'
import { isRecord, type TaskRequest } from './task-request.ts'

export interface SocketOptions extends RunwareContext {
  readonly journal: Journal
  readonly disturbance: Disturbance
  readonly idleMs: number
  /** How long a task may keep its client waiting. */
  readonly answerWithinMs: number
}

const MAX_FRAME_BYTES = 64 * 1024 * 1024
const SPLIT_FRAME_MS = 20

/** The WebSocket door: the same tasks, whose results are pushed as they come. */
export class RunwareSockets {
  readonly #options: SocketOptions
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES })
  readonly #sessions = new Map<string, Session>()

  constructor(options: SocketOptions) {
    this.#options = options
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#options.disturbance.next().failure) {
      socket.destroy()
      return
    }
    const opened = this.#options.journal.open('runware', request)
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const isDryRun = new URL(request.url ?? '/', 'http://simulator').searchParams.get('dryRun') === '1'
      new Connection(this.#options, this.#sessions, webSocket, opened, isDryRun).listen()
    })
  }

  clear(): void {
    this.#sessions.clear()
  }
}

/** One socket, from its opening to its end. */
class Connection {
  readonly #options: SocketOptions
  readonly #sessions: Map<string, Session>
  readonly #socket: WebSocket
  readonly #opened: JournalEntry
  readonly #isDryRun: boolean
  #session: Session | undefined
  #step: ConnectionStep = {}
  #deafPingsUsed = 0
  #lastHeardAtMs = 0
  #callOffIdle = (): void => {}

  constructor(
    options: SocketOptions,
    sessions: Map<string, Session>,
    socket: WebSocket,
    opened: JournalEntry,
    isDryRun: boolean,
  ) {
    this.#options = options
    this.#sessions = sessions
    this.#socket = socket
    this.#opened = opened
    this.#isDryRun = isDryRun
  }

  listen(): void {
    this.#socket.on('message', (data) => this.#hear(data))
    this.#socket.on('error', () => this.#socket.terminate())
    this.#socket.once('close', () => this.#callOffIdle())
    this.#lastHeardAtMs = this.#options.world.clock.now()
    this.#watchIdle()
  }

  /** Hangs up after a long silence; one timer serves for all messages in between. */
  #watchIdle(): void {
    const { clock } = this.#options.world
    const idleMs = this.#step.idleMs ?? this.#options.idleMs
    this.#callOffIdle()
    this.#callOffIdle = clock.after(Math.max(0, this.#lastHeardAtMs + idleMs - clock.now()), () => {
      if (clock.now() - this.#lastHeardAtMs >= idleMs) this.#socket.close(1000, 'idle')
      else this.#watchIdle()
    })
  }

  #hear(data: RawData): void {
    const raw = Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
    this.#lastHeardAtMs = this.#options.world.clock.now()
    this.#options.journal.frame(this.#opened, raw)
    const parsed = parseExactJson(raw.toString())
    if (!Array.isArray(parsed)) {
      this.#complain(problem('arrayRequired'))
      return
    }
    this.#options.world.watch.requested(parsed.length)
    for (const element of parsed) this.#take(element)
  }

  #take(element: unknown): void {
    if (isAuthentication(element)) {
      this.#authenticate(element)
      return
    }
    const session = this.#session
    if (!session) {
      this.#complain(problem('missingApiKey', { parameter: 'apiKey', taskType: 'authentication' }))
      return
    }
    if (isRecord(element) && element.taskType === 'ping' && this.#isDeaf()) return
    const caller = { account: session.account, isDryRun: this.#isDryRun, isLost: false }
    this.#answer(session, handleElement(this.#options, caller, element))
  }

  #authenticate({ apiKey, connectionSessionUUID }: TaskRequest): void {
    const { world } = this.#options
    this.#step = world.book.forConnection()
    const account = accountOf(world, this.#step.badKey ? 'bad' : apiKey)
    if ('code' in account) {
      this.#complain(account)
      return
    }
    const known = typeof connectionSessionUUID === 'string' ? this.#sessions.get(connectionSessionUUID) : undefined
    const own = known?.account === account ? known : undefined
    const session = own ?? new Session(world.seeded.uuid(`session ${this.#sessions.size + 1}`), account)
    this.#sessions.set(session.uuid, session)
    this.#session = session
    this.#watchIdle()
    this.#write([{ taskType: 'authentication', connectionSessionUUID: session.uuid }])
    session.connect(this.#socket)
  }

  #isDeaf(): boolean {
    const { deafPings = 0 } = this.#step
    this.#deafPingsUsed += 1
    return deafPings === 'forever' || this.#deafPingsUsed <= deafPings
  }

  #answer(session: Session, handled: Handled): void {
    const { clock } = this.#options.world
    const { reply, socket, hold } = handled
    const delayMs = socket?.ackDelayMs ?? reply?.delayMs ?? 0
    if (socket?.drop || reply?.fate === 'drop' || reply?.fate === 'reset') this.#socket.terminate()
    if (socket?.drop === 'before_ack' || reply?.fate === 'hang') return
    if (reply?.http !== undefined && reply.http >= 400) {
      session.send([], [problem('serviceUnavailable')])
      return
    }
    const send = (): void =>
      whenAnswered(clock, [handled], this.#options.answerWithinMs, () => this.#send(session, handled))
    const sendLater = (): void => void (delayMs > 0 ? clock.after(delayMs, send) : send())
    if (hold) void hold.then(sendLater)
    else sendLater()
  }

  #send(session: Session, handled: Handled): void {
    const { world, outputs } = this.#options
    const { data, errors } = itemsOf(handled, outputs, world.clock.now())
    if (!handled.socket?.split) {
      session.send(data, errors)
      return
    }
    for (const [index, item] of data.entries()) {
      world.clock.after(index * SPLIT_FRAME_MS, () => session.send([item]))
    }
    if (errors.length > 0) session.send([], errors)
  }

  #complain(error: Problem): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(encodeExactJson({ errors: [error] }))
  }

  #write(data: readonly object[]): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(encodeExactJson({ data }))
  }
}
