import type { Dispatcher } from 'undici'
import type { OnRequest } from '../http-attempt.ts'
import type { Call, Provider, SubmitOutcome, VendorBody, WaitOutcome } from '../provider.ts'
import { createRunwareClient } from './client.ts'
import { createOutcome } from './create-outcome.ts'
import { writeTasks } from './json.ts'
import { lookAt, MAX_LOOKS } from './look.ts'
import { canWait } from './operations.ts'
import { type InputDeps, prepareInput } from './prepare-input.ts'

/** In characters of the encoded data URI: it is sent again with every repeat of the create. */
const DATA_URI_MAX_BYTES = 1024 * 1024
/** The vendor keeps a synchronous call open about two minutes. */
const WAIT_TIMEOUT_MS = 120_000

export type RunwareOptions = {
  baseUrl: string
  dispatcher: Dispatcher
  dataUriMaxBytes?: number
  submitTimeoutMs: number
  /** For a create that waits for its result. */
  waitTimeoutMs?: number
  /** For each of the two requests of a look. */
  pollTimeoutMs: number
  uploadTimeoutMs: number
  /** Where the vendor reports that a task has ended; the address must not be guessable. */
  webhookUrl?: (clientRef: string) => string | undefined
  onRequest?: OnRequest
  now?: () => number
}

type Task = { operation: string; body: VendorBody; clientRef: string }

export function createRunwareProvider(options: RunwareOptions): Provider {
  const { submitTimeoutMs, waitTimeoutMs = WAIT_TIMEOUT_MS, now = Date.now } = options
  const client = createRunwareClient(options)
  const inputs: InputDeps = { ...options, client, now, dataUriMaxBytes: options.dataUriMaxBytes ?? DATA_URI_MAX_BYTES }
  const looks = { ...options, client, now }

  const create = async (task: Task, waits: boolean, call: Call): Promise<WaitOutcome> => {
    const webhookURL = waits ? undefined : options.webhookUrl?.(task.clientRef)
    const body = createBody(task, waits, webhookURL)
    const timeoutMs = waits ? waitTimeoutMs : submitTimeoutMs
    const result = await client({ op: 'submit', body: writeTasks([body]), timeoutMs }, call)
    const context = { taskUUID: task.clientRef.toLowerCase(), waits, results: resultsOf(body), nowMs: now() }
    return createOutcome(result, context)
  }

  return {
    name: 'runware',
    repeatsAreSafe: true,
    pollBatchSize: MAX_LOOKS,
    async submit(task, call): Promise<SubmitOutcome> {
      const outcome = await create(task, false, call)
      // Not asked for, and found in the task's details like any other end.
      return outcome.kind === 'finished' ? { kind: 'accepted', taskId: outcome.taskId } : outcome
    },
    submitAndWait: (task, call) => create(task, canWait(task.operation, task.body), call),
    async poll(taskId, call, look = {}) {
      const outcomes = await lookAt(looks, [{ taskId, ...look }], call)
      return outcomes.get(taskId) ?? { kind: 'missing' }
    },
    pollMany: (tasks, call) => lookAt(looks, tasks, call),
    cancel: async () => ({ kind: 'unsupported' }),
    prepareInput: (input, call) => prepareInput(inputs, input, call),
  }
}

/** How many results a task makes, where its body says so. */
function resultsOf({ numberResults, promptVersions }: VendorBody): number | undefined {
  const count = numberResults ?? promptVersions
  return typeof count === 'number' ? count : undefined
}

/**
 * The caller's body with everything in it that is between the vendor and us: the name of the task, how its answer
 * comes, and that files come as addresses, because they are copied and not passed on.
 */
function createBody({ operation, body, clientRef }: Task, waits: boolean, webhookURL: string | undefined): VendorBody {
  const { webhookURL: _callers, outputType, ...rest } = body
  return {
    ...rest,
    ...(outputType !== undefined && { outputType: 'URL' }),
    taskType: operation,
    taskUUID: clientRef.toLowerCase(),
    includeCost: true,
    deliveryMethod: waits ? 'sync' : 'async',
    ...(webhookURL !== undefined && { webhookURL }),
  }
}
