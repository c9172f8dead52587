import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Violation, ViolationKind } from '../violation.ts'
import type { Task } from './task.ts'
import type { TaskRequest } from './task-request.ts'

const BLIND_RETRY_MS = 1000
const MAX_TASKS_PER_REQUEST = 20
const MAX_VIOLATIONS = 10_000

/** Notes whatever a client does that it should not. */
export class RunwareWatch {
  readonly #clock: Clock
  readonly #minPollIntervalMs: number
  #violations: Violation[] = []
  /** When a task with this content, its UUID apart, got an answer that leaves its outcome open; and that UUID. */
  readonly #openCreates = new Map<string, { readonly atMs: number; readonly uuid: unknown }>()

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

  requested(taskCount: number): void {
    if (taskCount > MAX_TASKS_PER_REQUEST) this.#note('too_many_tasks', `${taskCount} tasks in one request`)
  }

  polled(task: Task): void {
    const nowMs = this.#clock.now()
    const sinceMs = nowMs - (task.lastPollAtMs ?? Number.NEGATIVE_INFINITY)
    task.lastPollAtMs = nowMs
    if (sinceMs < this.#minPollIntervalMs) this.#note('poll_too_soon', `${sinceMs} ms after the last poll`, task.uuid)
  }

  /** The same UUID again is the right thing to do; another one may pay twice. */
  createStarted(key: string, request: TaskRequest): void {
    if (this.#openCreates.size === 0) return
    const nowMs = this.#clock.now()
    for (const [digest, { atMs }] of this.#openCreates) {
      if (nowMs - atMs >= BLIND_RETRY_MS) this.#openCreates.delete(digest)
    }
    const open = this.#openCreates.get(digestOf(key, request))
    if (open === undefined || open.uuid === request.taskUUID) return
    const detail = `the same task under another UUID ${nowMs - open.atMs} ms after an unknown outcome`
    this.#note('create_retried_blindly', detail, String(request.taskUUID))
  }

  outcomeUnknown(key: string, request: TaskRequest): void {
    this.#openCreates.set(digestOf(key, request), { atMs: this.#clock.now(), uuid: request.taskUUID })
  }

  authorizationLeaked(): void {
    this.#note('authorization_leaked', 'Authorization was sent to the asset host')
  }

  #note(kind: ViolationKind, detail: string, taskId?: string): void {
    if (this.#violations.length >= MAX_VIOLATIONS) return
    this.#violations.push({ kind, atMs: this.#clock.now(), detail, ...(taskId === undefined ? {} : { taskId }) })
  }
}

function digestOf(key: string, { taskUUID: _, ...content }: TaskRequest): string {
  return createHash('sha256')
    .update(`${key} ${JSON.stringify(content)}`)
    .digest('base64')
}
