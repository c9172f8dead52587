import { z } from 'zod'
import { DownloadBend } from '../assets/download-step.ts'
import { MediaType } from '../assets/media.ts'
import type { Args } from '../fault-args.ts'
import { Reply } from '../reply.ts'

/** Which tasks a script is for; an empty match fits every one that generates something. */
export const RunwareMatch = z.strictObject({
  taskType: z.string().optional(),
  model: z.string().optional(),
  promptIncludes: z.string().optional(),
  /** The how-manieth task it is, from 1: of the type when one is named, else of all. */
  ordinal: z.int().min(1).optional(),
})
export type RunwareMatch = z.infer<typeof RunwareMatch>

const ProblemSpec = z.looseObject({ code: z.string() })
const count = z.union([z.int().min(1), z.literal('forever')]).optional()

/** How the request is answered that brings the task. `http` and `fate` concern the whole answer, not the task alone. */
const CreateStep = Reply.extend({
  /** Whether a task comes into being, whatever the answer says. Without one, the answer decides. */
  accept: z.boolean().optional(),
  /** Sent in `errors` instead of data. */
  problem: ProblemSpec.optional(),
  /** The HTTP status that goes with the problem. */
  status: z.int().optional(),
  /** The problem does not say which task it is about. */
  nameless: z.boolean().optional(),
  /** What stands in `data`: nothing, or an item without taskUUID. */
  data: z.enum(['empty', 'nameless']).optional(),
  /** As if the dry-run header had been sent. */
  dryRun: z.boolean().optional(),
})
export type CreateStep = z.infer<typeof CreateStep>

/** What becomes of one generation, however its result is delivered. */
export const ResultSpec = z.strictObject({
  status: z.enum(['success', 'error']).optional(),
  code: z.string().optional(),
  message: z.string().optional(),
  /** More fields of the error object. */
  fields: z.record(z.string(), z.unknown()).optional(),
  /** Whether a poll shows the error in `errors` or as an item; in `errors` unless stated. */
  encoding: z.enum(['errors', 'item']).optional(),
  /** Sent as the status, letter for letter. */
  word: z.string().optional(),
  omitStatus: z.boolean().optional(),
  omitAsset: z.boolean().optional(),
  nsfw: z.boolean().optional(),
  /** All digits of it. */
  seed: z.string().regex(/^\d+$/).optional(),
  /** In USD; null leaves the field out, and what is charged as it was. */
  cost: z.number().min(0).nullable().optional(),
  taskType: z.string().optional(),
  /** How often the same item is sent. */
  copies: z.int().min(1).optional(),
  /** Clock time after the rest of the task. */
  lateMs: z.union([z.number().min(0), z.literal('never')]).optional(),
  type: MediaType.optional(),
  bytes: z.int().min(0).optional(),
})
export type ResultSpec = z.infer<typeof ResultSpec>

/** What one or more polls of the task see in place of its regular state. */
const PollStep = Reply.extend({
  /** How many polls the step answers; 1 unless stated. */
  polls: count,
  /** Clock time the step lasts, instead of a number of polls. */
  ms: z.number().min(0).optional(),
  /** The step begins once the task is over. */
  wait: z.boolean().optional(),
  empty: z.boolean().optional(),
  problem: ProblemSpec.optional(),
  /** Shows the generations as unfinished. */
  processing: z.boolean().optional(),
  /** In place of the word `processing`. */
  word: z.string().optional(),
  /** Percent; a list gives one value per poll, null leaves the field out. */
  progress: z.union([z.number(), z.null(), z.array(z.number().nullable())]).optional(),
  /** An item of somebody else's task stands among the rest. */
  foreign: z.boolean().optional(),
})
export type PollStep = z.infer<typeof PollStep>

const HookStep = z.strictObject({
  wrapped: z.boolean().optional(),
  copies: z.int().min(1).optional(),
  /** The last generation first, and word of the processing after the result. */
  reversed: z.boolean().optional(),
  beforeAck: z.boolean().optional(),
  lost: z.boolean().optional(),
  processing: z.boolean().optional(),
  /** A stranger calls first: at an address that is slightly wrong, or at the right one with a lie. */
  forged: z.enum(['token', 'content']).optional(),
  /** So many good answers are taken for bad ones. */
  ignored: z.int().min(1).optional(),
  /** Waits between attempts, the last one repeated. */
  retryMs: z.array(z.number().min(0)).min(1).optional(),
})

const SocketStep = z.strictObject({
  drop: z.enum(['before_ack', 'after_accept']).optional(),
  split: z.boolean().optional(),
  ackDelayMs: z.number().min(0).optional(),
})
export type SocketStep = z.infer<typeof SocketStep>

const ConnectionStep = z.strictObject({
  badKey: z.boolean().optional(),
  /** So many pings stay without an answer. */
  deafPings: count,
  idleMs: z.number().min(1).optional(),
})
export type ConnectionStep = z.infer<typeof ConnectionStep>

export const RunwareScript = z.strictObject({
  name: z.string().optional(),
  match: RunwareMatch.optional(),
  /** For how many tasks it is good; 1 when queued. */
  times: count,
  /** Clock time from submit to result. */
  runMs: z.number().min(0).optional(),
  create: CreateStep.optional(),
  /** One per generation, the last one repeated. */
  results: z.array(ResultSpec).min(1).optional(),
  poll: z.array(PollStep).optional(),
  /** getResponse knows nothing of the task, and maybe getTaskDetails neither. */
  forgotten: z.enum(['response', 'everything']).optional(),
  ...DownloadBend.shape,
  hook: HookStep.optional(),
  put: z.enum(['fail', 'zero']).optional(),
  socket: SocketStep.optional(),
  /** Taken by the next WebSocket connection that authenticates. */
  connection: ConnectionStep.optional(),
  /** Taken by the next accountManagement task. */
  account: z.strictObject({ balance: z.number().optional() }).optional(),
  /** The API refuses connections for this long, from the moment the script is queued or hit. */
  refuseMs: z.number().positive().optional(),
})
export type RunwareScript = z.infer<typeof RunwareScript>

/** Makes the script that shows a fault. */
export type RunwareFault = (args: Args) => RunwareScript

/** One script that does what all of them do: steps one after another, anything else from the first that names it. */
export function mergeRunwareScripts(scripts: readonly RunwareScript[]): RunwareScript {
  const merged: RunwareScript = Object.assign({}, ...scripts.toReversed())
  const poll = scripts.flatMap((script) => script.poll ?? [])
  const download = scripts.flatMap((script) => script.download ?? [])
  return { ...merged, poll, download }
}
