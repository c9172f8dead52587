import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Violation, ViolationKind } from '../violation.ts'
import type { Task } from './task.ts'

interface PollHistory {
  lastAtMs: number
  inFlight: number
  seen: 'running' | 'succeeded' | 'ended'
  afterSuccess: number
}

const MAX_POLLS_AFTER_SUCCESS = 10
const BLIND_RETRY_MS = 1000
const MAX_VIOLATIONS = 10_000

/** Always looking: notes whatever a client does that the provider asks clients not to do. */
export class Watch {
  readonly #clock: Clock
  readonly #minPollIntervalMs: number
  #violations: Violation[] = []
  readonly #polls = new WeakMap<Task, PollHistory>()
  /** When a create with this digest got an answer that leaves its outcome open. */
  readonly #openCreates = new Map<string, number>()

  constructor(clock: Clock, minPollIntervalMs: number) {
    this.#clock = clock
    this.#minPollIntervalMs = minPollIntervalMs
  }

  violations(): Violation[] {
    return [...this.#violations]
  }

  clear(): void {
    this.#violations = []
    this.#openCreates.clear()
  }

  pollStarted(task: Task): void {
    const nowMs = this.#clock.now()
    const history = this.#polls.get(task)
    if (!history) {
      this.#polls.set(task, { lastAtMs: nowMs, inFlight: 1, seen: 'running', afterSuccess: 0 })
      return
    }
    const sinceMs = nowMs - history.lastAtMs
    history.inFlight += 1
    history.lastAtMs = nowMs
    if (history.inFlight > 1) this.#note('parallel_polls', `${history.inFlight} GETs of one task in flight`, task)
    if (history.seen === 'ended') this.#note('poll_after_terminal', 'polled after FAILED or CANCELLED was seen', task)
    else if (history.seen === 'succeeded') this.#pollAfterSuccess(history, task)
    else if (sinceMs < this.#minPollIntervalMs) this.#note('poll_too_soon', `${sinceMs} ms after the last poll`, task)
  }

  pollEnded(task: Task): void {
    const history = this.#polls.get(task)
    if (history) history.inFlight -= 1
  }

  /** The client has been told that the task is over. */
  finalSeen(task: Task): void {
    const history = this.#polls.get(task)
    if (history) history.seen = task.final?.status === 'SUCCEEDED' ? 'succeeded' : 'ended'
  }

  createStarted(key: string, path: string, body: Buffer): void {
    if (this.#openCreates.size === 0) return
    const nowMs = this.#clock.now()
    for (const [digest, atMs] of this.#openCreates) if (nowMs - atMs >= BLIND_RETRY_MS) this.#openCreates.delete(digest)
    const openSinceMs = this.#openCreates.get(digestOf(key, path, body))
    if (openSinceMs === undefined) return
    this.#note('create_retried_blindly', `the same body again ${nowMs - openSinceMs} ms after an unknown outcome`)
  }

  outcomeUnknown(key: string, path: string, body: Buffer): void {
    this.#openCreates.set(digestOf(key, path, body), this.#clock.now())
  }

  versionHeader(value: string | undefined): void {
    this.#note('version_header', value === undefined ? 'no X-Runway-Version' : `X-Runway-Version: ${value}`)
  }

  authorizationLeaked(where: string): void {
    this.#note('authorization_leaked', `Authorization was sent to ${where}`)
  }

  deleted(task: Task): void {
    if (task.final?.status !== 'SUCCEEDED') return
    if (task.downloaded.size >= task.outputs.length) return
    this.#note(
      'deleted_before_download',
      `${task.downloaded.size} of ${task.outputs.length} outputs were fetched`,
      task,
    )
  }

  #pollAfterSuccess(history: PollHistory, task: Task): void {
    history.afterSuccess += 1
    if (history.afterSuccess <= MAX_POLLS_AFTER_SUCCESS) return
    this.#note('poll_after_terminal', `poll ${history.afterSuccess} after SUCCEEDED was seen`, task)
  }

  #note(kind: ViolationKind, detail: string, task?: Task): void {
    if (this.#violations.length >= MAX_VIOLATIONS) return
    this.#violations.push({ kind, atMs: this.#clock.now(), detail, ...(task ? { taskId: task.id } : {}) })
  }
}

function digestOf(key: string, path: string, body: Buffer): string {
  return createHash('sha256').update(`${key} ${path} `).update(body).digest('base64')
}
