import type { Clock } from '../clock.ts'
import { encodeExactJson } from './exact-json.ts'
import { flatItem, processingItem } from './items.ts'
import type { Outgoing } from './outgoing.ts'
import type { RunwareOutputs } from './outputs.ts'
import { finishAtMs, type Generation, type Task } from './task.ts'
import { textIn } from './task-request.ts'

/** One call the provider made on its own. */
export interface PushRecord {
  readonly kind: 'webhook' | 'put'
  readonly url: string
  readonly taskUUID: string
  readonly atMs: number
  readonly body: string | undefined
  /** Undefined while it is under way, and when nobody answered. */
  status: number | undefined
}

const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 8000
const ANSWER_WITHIN_MS = 5000
const PUT_WITHIN_MS = 60_000
const MAX_ATTEMPTS = 30

/** Brings results to those who asked for it: bytes to an uploadEndpoint, news to a webhookURL. */
export class Push {
  readonly #clock: Clock
  readonly #outputs: RunwareOutputs
  readonly #outgoing: Outgoing
  #records: PushRecord[] = []

  constructor(clock: Clock, outputs: RunwareOutputs, outgoing: Outgoing) {
    this.#clock = clock
    this.#outputs = outputs
    this.#outgoing = outgoing
  }

  records(): PushRecord[] {
    return [...this.#records]
  }

  clear(): void {
    this.#records = []
  }

  /** Sees to a new task. What it gives is over once every webhook has been called, however that went. */
  schedule(task: Task): Promise<unknown> {
    const { webhookURL, uploadEndpoint } = task.request
    if (webhookURL === undefined && uploadEndpoint === undefined) return Promise.resolve()
    const hook = task.script.hook ?? {}
    const isReversed = hook.reversed === true
    const due = finishAtMs(task)
    if (hook.processing) this.#hook(task, processingItem(task, 'processing', null))
    const finished = task.generations
      .filter(({ finishAtMs }) => Number.isFinite(finishAtMs))
      .map((generation) => this.#finished(task, generation))
    if (!isReversed || !Number.isFinite(due)) return Promise.all(finished)
    return this.#at(due, async () => {
      for (const generation of task.generations.toReversed()) await this.#news(task, generation)
      await this.#hook(task, processingItem(task, 'processing', 50))
    })
  }

  #at(atMs: number, run: () => Promise<void>): Promise<void> {
    const delayMs = atMs - this.#clock.now()
    if (delayMs <= 0) return run()
    return new Promise((resolve, reject) => {
      this.#clock.after(delayMs, () => void run().then(resolve, reject))
    })
  }

  async #finished(task: Task, generation: Generation): Promise<void> {
    const arrived = this.#at(generation.finishAtMs, async () => {
      if (generation.isBeingPut) await this.#put(task, generation)
      generation.isBeingPut = false
    })
    if (generation.isBeingPut) task.puts.push(arrived)
    await arrived
    if (!task.script.hook?.reversed) await this.#news(task, generation)
  }

  async #put(task: Task, generation: Generation): Promise<void> {
    const { put } = task.script
    if (put === 'fail' || generation.spec.status === 'error' || !generation.media) return
    const { bytes, contentType } = this.#outputs.expected(task, generation.index)
    const url = textIn(task.request, 'uploadEndpoint')
    const body = put === 'zero' ? Buffer.alloc(0) : bytes
    const record = this.#record('put', url, task, undefined)
    record.status = await this.#outgoing.send({ method: 'PUT', url, contentType, body, withinMs: PUT_WITHIN_MS })
  }

  async #news(task: Task, generation: Generation): Promise<void> {
    const { copies = 1, lost, forged } = task.script.hook ?? {}
    if (lost) return
    const item = flatItem(task, generation, this.#outputs)
    if (forged) await this.#forge(task, item, forged)
    for (let copy = 0; copy < copies; copy += 1) await this.#hook(task, item)
  }

  async #forge(task: Task, item: object, how: 'token' | 'content'): Promise<void> {
    const url = textIn(task.request, 'webhookURL')
    const lie = { ...item, status: 'success', [`${task.type.field}URL`]: 'https://forged.invalid/output.mp4' }
    const end = url.at(-1) === '0' ? '1' : '0'
    await this.#attempt(task, how === 'token' ? `${url.slice(0, -1)}${end}` : url, lie)
  }

  /** Ends with the first attempt; the others follow in their own time. */
  async #hook(task: Task, item: object, attempts = 0): Promise<void> {
    const url = textIn(task.request, 'webhookURL')
    if (url === '') return
    const { wrapped, ignored = 0, retryMs } = task.script.hook ?? {}
    const status = await this.#attempt(task, url, wrapped ? { data: [item] } : item)
    const isHeard = status !== undefined && status >= 200 && status < 300 && attempts >= ignored
    if (isHeard || attempts + 1 >= MAX_ATTEMPTS) return
    const waitMs =
      retryMs?.[Math.min(attempts, retryMs.length - 1)] ?? Math.min(FIRST_RETRY_MS * 2 ** attempts, LAST_RETRY_MS)
    this.#clock.after(waitMs, () => void this.#hook(task, item, attempts + 1))
  }

  async #attempt(task: Task, url: string, content: object): Promise<number | undefined> {
    const body = encodeExactJson(content)
    const record = this.#record('webhook', url, task, body)
    const sent = { method: 'POST', url, contentType: 'application/json', body: Buffer.from(body) } as const
    record.status = await this.#outgoing.send({ ...sent, withinMs: ANSWER_WITHIN_MS })
    return record.status
  }

  #record(kind: PushRecord['kind'], url: string, { uuid }: Task, body: string | undefined): PushRecord {
    const record: PushRecord = { kind, url, taskUUID: uuid, atMs: this.#clock.now(), body, status: undefined }
    this.#records.push(record)
    return record
  }
}
