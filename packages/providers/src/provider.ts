import type { Cost, JobError, JobKind, ProviderName, Secret, VendorLimits } from '@genqueue/contract'

/** JSON as it goes to a vendor; `{"$input": n}` stands where the n-th stored input of the job belongs. */
export type VendorBody = { readonly [key: string]: unknown }

/** Which key to call with, and until when. */
export type Call = { key: Secret; signal: AbortSignal }

/**
 * What is known after one create request. `accepted`, `refused` and `not_accepted` are certain; `unknown` means that
 * a task may exist and may be charged, so the request is never simply sent again.
 */
export type SubmitOutcome =
  | { kind: 'accepted'; taskId: string; estimatedCost?: Cost }
  /** The vendor refuses this request for good; the job fails. */
  | {
      kind: 'refused'
      error: JobError
      /** The vendor has forgotten an input that was handed to it before; hand it over anew and submit again. */
      inputsGone?: true
    }
  /** No task was made; the job waits and the key (for this model, or wholly) rests until `retryAfterMs` is over. */
  | {
      kind: 'not_accepted'
      reason: 'rate_limited' | 'quota' | 'auth' | 'unavailable'
      rests: 'key' | 'key_and_model' | 'nothing'
      retryAfterMs?: number
      detail: string
    }
  | { kind: 'unknown'; detail: string; retryAfterMs?: number }

/** A create that waited for its task: what a submit can come to, or the task's own end. */
export type WaitOutcome = SubmitOutcome | { kind: 'finished'; taskId: string; end: TaskEnd }

/** What the vendor tells about one output beside its address. */
export type OutputDetail = {
  id?: string
  /** Text, because seeds may be larger than a number holds exactly. */
  seed?: string
}

/** What one look at a task says. Only `succeeded`, `failed` and `canceled` end it; everything unknown is waiting. */
export type PollOutcome =
  | {
      kind: 'waiting'
      phase: 'queued' | 'throttled' | 'running'
      upstreamStatus: string
      /** 0 to 1, as told by the vendor; may be missing, repeat or fall. */
      progress?: number
      estimatedCost?: Cost
    }
  | {
      kind: 'succeeded'
      upstreamStatus: string
      /** At least one. What the vendor gave inline, and text, is a `data:` URL; `readDataUrl` has its bytes. */
      urls: string[]
      /** As many as there are URLs, in their order. */
      details?: readonly OutputDetail[]
      /** Why the other results of the same task are not there. */
      failures?: readonly JobError[]
      cost?: Cost
    }
  | { kind: 'failed'; upstreamStatus: string; error: JobError; cost?: Cost }
  | { kind: 'canceled'; upstreamStatus: string; cost?: Cost }
  /** 404: not known yet, deleted, or another account's. */
  | { kind: 'missing' }
  /** The look failed, the task is what it was: 429, 5xx, network, HTML, truncated JSON, 401 (`auth`). */
  | {
      kind: 'error'
      reason: 'rate_limited' | 'auth' | 'unavailable' | 'protocol'
      retryAfterMs?: number
      detail: string
    }

/** The outcomes that end a task. */
export type TaskEnd = Extract<PollOutcome, { kind: 'succeeded' | 'failed' | 'canceled' }>

/** A task to look at, with what helps to judge the answer. */
export type TaskLook = {
  taskId: string
  /** Since it was accepted; without it a task counts as old, and one that is not known as lost. */
  ageMs?: number
  /** How many results were asked for. */
  results?: number
}

/** `unsupported`: the vendor stops nothing; the task runs on, is charged, and is to be left alone. */
export type CancelOutcome =
  | { kind: 'gone' }
  | { kind: 'retry'; retryAfterMs?: number; detail: string }
  | { kind: 'unsupported'; retryAfterMs?: never }

/** A file of the job that lies in our storage. */
export type StoredInput = {
  bytes: number
  contentType: string
  filename: string
  open(): Promise<AsyncIterable<Uint8Array>>
}

/** How a stored input could (not) be handed to the vendor; nothing was charged in any case. */
export type PreparedInput =
  | {
      kind: 'ready'
      value: string
      /** What was uploaded may stand in other bodies of the same key for so long; without it the value is the file itself. */
      reusableMs?: number
    }
  | { kind: 'refused'; error: JobError }
  | { kind: 'retry'; retryAfterMs?: number; detail: string }

/** What the vendor says of a key's limits; `error` says nothing about them. */
export type LimitsOutcome =
  | { kind: 'known'; limits: VendorLimits }
  | { kind: 'error'; reason: 'auth' | 'unavailable' | 'protocol'; detail: string }

/** A vendor. Every call is one HTTP attempt (uploads: one per leg); whoever calls decides about again. */
export interface Provider {
  readonly name: ProviderName
  /**
   * A create with the same `clientRef` and key makes no second task, so `unknown` is settled by submitting again. The
   * repeat tells `accepted` when the first one was; another key's account knows nothing of it.
   */
  readonly repeatsAreSafe?: true
  /** How many tasks one `pollMany` takes. */
  readonly pollBatchSize?: number
  /** Sends the create once. Resolves for everything a vendor or network can do; rejects only on a bug of ours. */
  submit(task: { operation: string; body: VendorBody; clientRef: string }, call: Call): Promise<SubmitOutcome>
  /** The same, and the answer comes when the task has ended, where the vendor does that for the operation. */
  submitAndWait?(task: { operation: string; body: VendorBody; clientRef: string }, call: Call): Promise<WaitOutcome>
  poll(taskId: string, call: Call, look?: Omit<TaskLook, 'taskId'>): Promise<PollOutcome>
  /**
   * Looks at up to `pollBatchSize` tasks of one key in one request; every task has an outcome. An `error` may be the
   * fault of one of them alone: look at those by themselves the next time.
   */
  pollMany?(looks: readonly TaskLook[], call: Call): Promise<ReadonlyMap<string, PollOutcome>>
  /** Asks the vendor to stop the task. Runway: never call it on finished work whose outputs are still wanted. */
  cancel(taskId: string, call: Call): Promise<CancelOutcome>
  /** Turns a stored input into the string that the vendor takes in its body. */
  prepareInput(input: StoredInput, call: Call): Promise<PreparedInput>
  /** The limits of the key and what is used of them, where the vendor tells. */
  limits?(call: Call): Promise<LimitsOutcome>
}

/** One thing a vendor can be asked to do. */
export type Operation = { name: string; kind: JobKind }
