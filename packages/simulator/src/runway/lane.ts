/** What the engine needs to know of a task, and where it notes what it decided. */
export interface LaneTask {
  /** When it got its slot. */
  startedAtMs: number | undefined
  /** How long it keeps the slot; infinite when something else ends it. */
  readonly spanMs: number
  /** Set once the task has left: finished, canceled or never to be started. */
  left: boolean
}

/**
 * The tasks of one key and model: as many as the cap run, the others wait in the order they came. Nothing here is
 * driven by timers; `settle` works out what happened up to a moment.
 */
export class Lane<T extends LaneTask> {
  readonly #cap: () => number
  readonly #finished: (task: T, atMs: number) => void
  /** A heap by end of slot; tasks that left early stay in it until they surface. */
  readonly #running: T[] = []
  #waiting: T[] = []
  #waitingFrom = 0
  #slotsTaken = 0

  constructor(cap: () => number, finished: (task: T, atMs: number) => void) {
    this.#cap = cap
    this.#finished = finished
  }

  enter(task: T, nowMs: number): void {
    this.settle(nowMs)
    this.#waiting.push(task)
    this.#fill(nowMs)
  }

  /** Frees the slots of tasks that ended up to now and hands each to the oldest waiting task at that very moment. */
  settle(nowMs: number): void {
    for (;;) {
      const next = this.#running[0]
      if (!next) break
      if (!next.left && endOf(next) > nowMs) break
      this.#pop()
      if (next.left) continue
      next.left = true
      this.#slotsTaken -= 1
      this.#finished(next, endOf(next))
      this.#fill(endOf(next))
    }
    this.#fill(nowMs)
  }

  /** Takes a task out before its time; its slot goes to the oldest waiting task. */
  leave(task: T, nowMs: number): void {
    this.settle(nowMs)
    if (task.left) return
    task.left = true
    if (task.startedAtMs !== undefined) this.#slotsTaken -= 1
    this.#fill(nowMs)
  }

  #fill(atMs: number): void {
    const cap = this.#cap()
    while (this.#slotsTaken < cap) {
      const task = this.#waiting[this.#waitingFrom]
      if (!task) break
      this.#waitingFrom += 1
      if (task.left) continue
      task.startedAtMs = atMs
      this.#slotsTaken += 1
      this.#push(task)
    }
    if (this.#waitingFrom > 1024 && this.#waitingFrom * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#waitingFrom)
      this.#waitingFrom = 0
    }
  }

  #push(task: T): void {
    const heap = this.#running
    let index = heap.push(task) - 1
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex]
      if (!parent || endOf(parent) <= endOf(task)) break
      heap[index] = parent
      heap[parentIndex] = task
      index = parentIndex
    }
  }

  #pop(): void {
    const heap = this.#running
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      const a = heap[left]
      const b = heap[left + 1]
      const childIndex = a && b && endOf(b) < endOf(a) ? left + 1 : left
      const child = heap[childIndex]
      if (!child || endOf(child) >= endOf(last)) break
      heap[index] = child
      index = childIndex
    }
    heap[index] = last
  }
}

function endOf(task: LaneTask): number {
  return (task.startedAtMs ?? 0) + task.spanMs
}
