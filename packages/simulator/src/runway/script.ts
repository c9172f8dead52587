import { z } from 'zod'
import { DownloadBend } from '../assets/download-step.ts'
import { MediaType } from '../assets/media.ts'
import type { Args } from '../fault-args.ts'
import { Reply } from '../reply.ts'

/** Which creates a script is for; an empty match fits every create. */
export const Match = z.strictObject({
  endpoint: z.string().optional(),
  model: z.string().optional(),
  promptIncludes: z.string().optional(),
  /** The how-manieth create it is, from 1: of the endpoint when one is named, else of all. */
  ordinal: z.int().min(1).optional(),
})
export type Match = z.infer<typeof Match>

export const CreateStep = Reply.extend({
  /** Whether a task comes into being, whatever the answer says. Without one, the answer decides: below 400 it does. */
  accept: z.boolean().optional(),
  /** False leaves estimatedCost out of the answer. */
  estimate: z.boolean().optional(),
  /** True leaves even the id out. */
  omitId: z.boolean().optional(),
})
export type CreateStep = z.infer<typeof CreateStep>

const OutputSpec = z.strictObject({ type: MediaType, bytes: z.int().min(0).optional() })

/**
 * What one or more GETs of a task see. A step with `http` or `fate` replaces the answer; one with a `status` replaces
 * the state; one with neither lets the regular answer through. A step with a final status settles the task: at once,
 * or, with `wait`, when its regular time is over.
 */
export const PollStep = Reply.extend({
  /** How many GETs the step answers; 1 unless stated, and without end for a final status that comes last. */
  polls: z.union([z.int().min(1), z.literal('forever')]).optional(),
  /** Clock time the step lasts, instead of a number of GETs. */
  ms: z.number().min(0).optional(),
  /** Any word: what is sent, letter for letter. */
  status: z.string().optional(),
  /** A list gives one value per GET; null leaves the field out. */
  progress: z.union([z.number(), z.null(), z.array(z.number().nullable())]).optional(),
  wait: z.boolean().optional(),
  outputs: z.array(OutputSpec).optional(),
  /** Sent as `output` whatever the task produced. */
  output: z.unknown().optional(),
  omitOutput: z.boolean().optional(),
  /** Null leaves the field out. */
  failure: z.string().nullable().optional(),
  /** Null is sent as null. */
  failureCode: z.string().nullable().optional(),
  /** Credits charged in the end; null leaves the field out. */
  cost: z.number().nullable().optional(),
})
export type PollStep = z.infer<typeof PollStep>

const DeleteStep = Reply.extend({
  times: z.union([z.int().min(1), z.literal('forever')]).optional(),
  /** Whether the task is really removed; yes unless the answer says otherwise. */
  perform: z.boolean().optional(),
  /** The task succeeds just before the call arrives. */
  finishFirst: z.boolean().optional(),
})

export const Script = z.strictObject({
  name: z.string().optional(),
  match: Match.optional(),
  /** For how many creates (or uploads, or organization calls) it is good; 1 when queued. */
  times: z.union([z.int().min(1), z.literal('forever')]).optional(),
  pendingMs: z.number().min(0).optional(),
  runningMs: z.number().min(0).optional(),
  create: CreateStep.optional(),
  poll: z.array(PollStep).optional(),
  ...DownloadBend.shape,
  delete: DeleteStep.optional(),
  upload: z
    .strictObject({ placeholder: Reply.optional(), storage: Reply.optional(), omitUri: z.boolean().optional() })
    .optional(),
  organization: z
    .strictObject({
      nullLimits: z.boolean().optional(),
      creditBalance: z.number().optional(),
      reply: Reply.optional(),
    })
    .optional(),
  /** Statuses of the task are sent in lower case. */
  lowercaseStatus: z.boolean().optional(),
  /** The API refuses connections for this long, from the moment the script is queued or hit. */
  refuseMs: z.number().positive().optional(),
})
export type Script = z.infer<typeof Script>

/** Makes the script that shows a fault. */
export type Fault = (args: Args) => Script

/** One script that does what all of them do: steps one after another, anything else from the first that names it. */
export function mergeScripts(scripts: readonly Script[]): Script {
  const merged: Script = Object.assign({}, ...scripts.toReversed())
  const poll = scripts.flatMap((script) => script.poll ?? [])
  const download = scripts.flatMap((script) => script.download ?? [])
  return { ...merged, poll, download }
}

/** How often a script with `times` left out applies. */
export function timesOf(script: Script, otherwise: number): number {
  if (script.times === 'forever') return Number.POSITIVE_INFINITY
  return script.times ?? otherwise
}
