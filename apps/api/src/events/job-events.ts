import { hash } from 'node:crypto'
import type { Socket } from 'node:net'
import { isTerminal } from '@genqueue/contract'
import { type JobRecord, jobResource, jobSign, progressOf } from '@genqueue/jobs'
import { EventStream, eventText } from './event-stream.ts'
import type { JobWatches, Look } from './job-watches.ts'
import { Rounds } from './rounds.ts'

const MAX_STREAMS = 10_000
/** Shorter than the idle timeouts of proxies. */
const HEARTBEAT_MS = 15_000
const HEARTBEAT_SLOTS = 60
/** Then the client comes back and shows its key again: one that was revoked does not listen for ever. */
const MAX_STREAM_MS = 3_600_000
const RETRY_MS = 1_000
/** So that the listeners of a process that ends do not all come back at once. */
const RETRY_SPREAD_MS = 2_000

const FINAL_EVENTS = { succeeded: 'completed', failed: 'failed', canceled: 'canceled' } as const

type Listener = { stream: EventStream; openedMs: number }

/** Tells one state of a job from every other that a caller would notice, whichever process is asked. */
export function eventId(job: JobRecord): string {
  return `${job.status}-${progressOf(job)}-${hash('sha1', jobSign(job)).slice(0, 12)}`
}

/** Those of this process's callers that follow a job. An event is the job as it is, so none is kept to be sent again. */
export class JobEvents {
  readonly #watches: JobWatches
  readonly #publicUrl: string
  readonly #maxStreams: number
  readonly #now: () => number
  readonly #listeners = new Set<Listener>()
  readonly #beats: Rounds<Listener>
  /** One text for all who follow the same job. */
  readonly #texts = new WeakMap<JobRecord, string>()

  constructor(options: {
    watches: JobWatches
    publicUrl: string
    /** Ends all streams; their clients are to come back, elsewhere. */
    closing: AbortSignal
    heartbeatMs?: number
    maxStreams?: number
    now?: () => number
  }) {
    const {
      watches,
      publicUrl,
      closing,
      heartbeatMs = HEARTBEAT_MS,
      maxStreams = MAX_STREAMS,
      now = Date.now,
    } = options
    this.#watches = watches
    this.#publicUrl = publicUrl
    this.#maxStreams = maxStreams
    this.#now = now
    const visit = (listeners: readonly Listener[]) => {
      for (const listener of listeners) this.#beat(listener)
    }
    this.#beats = new Rounds({ periodMs: heartbeatMs, slots: HEARTBEAT_SLOTS, visit })
    closing.addEventListener('abort', () => {
      for (const { stream } of this.#listeners) stream.end(': this server ends, come back\n\n')
    })
  }

  get isFull(): boolean {
    return this.#listeners.size >= this.#maxStreams
  }

  get size(): number {
    return this.#listeners.size
  }

  /** The job as it is, unless the client has seen that, and every change until it ends. Takes a socket that the head was written to. */
  open(socket: Socket, job: JobRecord, lastEventId?: string): void {
    if (socket.destroyed) return
    const leave: (() => void)[] = []
    const stream = new EventStream(socket, () => {
      for (const each of leave) each()
    })
    const listener = { stream, openedMs: this.#now() }
    this.#listeners.add(listener)
    leave.push(() => this.#listeners.delete(listener), this.#beats.add(listener))

    const retry = `retry: ${RETRY_MS + Math.floor(Math.random() * RETRY_SPREAD_MS)}\n\n`
    stream.write(eventId(job) === lastEventId ? retry : retry + this.#textOf(job))
    if (isTerminal(job.status)) stream.end()
    else leave.push(this.#watches.watch(job.id, (look) => this.#show(stream, look), jobSign(job)))
  }

  #show(stream: EventStream, look: Look): void {
    if (look === 'unknown') return
    if (look === 'gone') {
      stream.end(eventText({ event: 'end', data: 'gone' }))
      return
    }
    stream.write(this.#textOf(look))
    if (isTerminal(look.status)) stream.end()
  }

  #textOf(job: JobRecord): string {
    const known = this.#texts.get(job)
    if (known !== undefined) return known
    const { status } = job
    const id = eventId(job)
    const data = JSON.stringify(jobResource(job, this.#publicUrl))
    const text = isTerminal(status)
      ? eventText({ event: FINAL_EVENTS[status], id, data }) + eventText({ event: 'end', data: status })
      : eventText({ event: 'status', id, data })
    this.#texts.set(job, text)
    return text
  }

  #beat({ stream, openedMs }: Listener): void {
    // Ended since the last beat, and still the client has not taken all of it.
    if (!stream.isOpen) stream.cut()
    else if (this.#now() - openedMs > MAX_STREAM_MS) stream.end(': come back\n\n')
    else stream.write(': here\n\n')
  }
}
