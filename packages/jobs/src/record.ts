import {
  Cost,
  Door,
  JOB_STATUSES,
  JobError,
  JobId,
  JobKind,
  type JobStatus,
  Metadata,
  Output,
  ProviderName,
} from '@genqueue/contract'
import { z } from 'zod'
import { Hold } from './hold.ts'
import { decodeLooks, encodeLooks, type Looks, NO_LOOKS } from './looks.ts'

/** A file of the caller's that was streamed to storage at intake; the body refers to it as `{"$input": index}`. */
export const StoredInput = z.object({
  key: z.string(),
  bytes: z.int().positive(),
  sha256: z.string(),
  contentType: z.string(),
  filename: z.string(),
  /** Belongs to nobody's job alone: it stays when the job goes. */
  kept: z.boolean().optional(),
})
export type StoredInput = z.infer<typeof StoredInput>

/** What was asked for; written at intake and never changed. */
export const JobRequest = z.object({
  body: z.record(z.string(), z.unknown()),
  display: z.object({ prompt: z.string().optional(), size: z.string().optional(), seconds: z.string().optional() }),
  metadata: Metadata,
  webhookUrl: z.string().optional(),
  /** Types of events that the URL is to be told; all of them unless given. */
  webhookEvents: z.array(z.string()).optional(),
  onSubmissionUnknown: z.enum(['fail', 'resubmit']),
  deadlines: z.object({ queueMs: z.number(), throttledMs: z.number(), runningMs: z.number() }),
  retentionMs: z.number(),
  priority: z.number().optional(),
  /** Somebody waits for the answer: a vendor that can is asked to answer with the result itself. */
  waits: z.boolean().optional(),
  /** How many results were asked for, where the vendor is told a number. */
  results: z.number().optional(),
  notBeforeMs: z.number().optional(),
  inputs: z.array(StoredInput),
})
export type JobRequest = z.infer<typeof JobRequest>

const Waiting = z.object({ reason: z.string(), untilMs: z.number().optional() })
export type Waiting = z.infer<typeof Waiting>

const Common = z.object({
  id: JobId,
  team: z.string(),
  /** The vendor's capacity group, `*` where it has none of its own: jobs wait for their turn in its lane. */
  lane: z.string().default('*'),
  provider: ProviderName,
  operation: z.string(),
  model: z.string().optional(),
  kind: JobKind,
  door: Door,
  request: JobRequest,
  /** Made at intake and sent with every attempt; for Runware it is the taskUUID. */
  clientRef: z.string(),
  fence: z.number(),
  submits: z.number(),
  /** Creates of which nobody will ever know whether they were accepted. */
  unknownSubmits: z.number(),
  times: z.partialRecord(z.enum(JOB_STATUSES), z.number()),
  waiting: Waiting.optional(),
  cancelRequestedAtMs: z.number().optional(),
  /** Ours until the vendor tells its own. */
  estimatedCost: Cost.optional(),
  hold: Hold.optional(),
  /** The step of a trace that accepted the job, as W3C writes it: those that come later belong to it. */
  traceparent: z.string().max(55).optional(),
})
const Upstream = z.object({
  providerKeyId: z.string(),
  taskId: z.string(),
  upstreamStatus: z.string(),
  /** 0 to 1; never falls. */
  progress: z.number(),
  polls: z.number(),
  pollErrors: z.number(),
  misses: z.number(),
  runningSinceMs: z.number().optional(),
})
const MaybeUpstream = Upstream.partial()

/** The one truth about a job. A field exists only in the states where it is true. */
export const JobRecord = z.discriminatedUnion('status', [
  Common.extend({
    status: z.literal('queued'),
    /** While it has its turn and has not begun: which one, on the clock of its lane. */
    turn: z.number().optional(),
  }),
  Common.extend({ status: z.literal('submitting'), providerKeyId: z.string() }),
  Common.extend({ status: z.literal('ambiguous'), providerKeyId: z.string() }),
  Common.extend({ status: z.literal('submitted'), ...Upstream.shape }),
  Common.extend({
    status: z.literal('generated'),
    ...Upstream.shape,
    sources: z.array(z.string()),
    /** Beside each source, where the vendor told more. */
    details: z.array(z.object({ id: z.string().optional(), seed: z.string().optional() })).optional(),
    failures: z.array(JobError).optional(),
    cost: Cost.optional(),
  }),
  Common.extend({
    status: z.literal('succeeded'),
    ...Upstream.shape,
    outputs: z.array(Output),
    /** Why the rest of the batch is not there. */
    failures: z.array(JobError).optional(),
    cost: Cost.optional(),
  }),
  Common.extend({
    status: z.literal('failed'),
    ...MaybeUpstream.shape,
    error: JobError,
    /** What a partly failed batch kept. */
    outputs: z.array(Output),
    cost: Cost.optional(),
    /** A task was left at the vendor that may be charged for. */
    costUnknown: z.boolean().optional(),
  }),
  Common.extend({
    status: z.literal('canceled'),
    ...MaybeUpstream.shape,
    cost: Cost.optional(),
    costUnknown: z.boolean().optional(),
  }),
])
export type JobRecord = z.infer<typeof JobRecord>
export type RecordIn<Status extends JobStatus> = Extract<JobRecord, { status: Status }>

/** How each part of a record is written in the Redis hash; text unless it is listed here. */
const NUMBERS = ['fence', 'submits', 'unknownSubmits', 'cancelRequestedAtMs', 'turn'] as const
const JSONS = [
  'request',
  'waiting',
  'estimatedCost',
  'hold',
  'cost',
  'costUnknown',
  'sources',
  'details',
  'failures',
  'outputs',
  'error',
] as const
/** Hash fields whose name differs from the record's. */
const HASH_NAMES = { cancelRequestedAtMs: 'cancel', taskId: 'task', providerKeyId: 'providerKey' } as const

const IN_LOOKS: ReadonlySet<string> = new Set(Object.keys(NO_LOOKS))
const NUMBER_FIELDS: ReadonlySet<string> = new Set(NUMBERS)
const JSON_FIELDS: ReadonlySet<string> = new Set(JSONS)
const TO_HASH: ReadonlyMap<string, string> = new Map(Object.entries(HASH_NAMES))
const FROM_HASH: ReadonlyMap<string, string> = new Map(Object.entries(HASH_NAMES).map(([name, hash]) => [hash, name]))

/**
 * Parts of a record as field and value strings for HSET; undefined parts are left out. What the looks told is written
 * together, as `looks`.
 */
export function encodeFields(parts: Readonly<Record<string, unknown>> & { looks?: Looks }): string[] {
  const fields: string[] = []
  for (const [name, value] of Object.entries(parts)) {
    if (value === undefined || IN_LOOKS.has(name)) continue
    if (name === 'looks') {
      if (parts.looks) fields.push(name, encodeLooks(parts.looks))
      continue
    }
    fields.push(TO_HASH.get(name) ?? name, JSON_FIELDS.has(name) ? JSON.stringify(value) : String(value))
  }
  return fields
}

/** Reads a hash of HGETALL; undefined when there is no such job. Throws when what stands there is not a record. */
export function decodeRecord(id: string, hash: Readonly<Record<string, string>>): JobRecord | undefined {
  if (hash['status'] === undefined) return undefined
  const times: Record<string, number> = {}
  const record: Record<string, unknown> = { id, times, fence: 0, submits: 0, unknownSubmits: 0 }
  for (const [field, text] of Object.entries(hash)) {
    if (field.startsWith('at:')) {
      times[field.slice(3)] = Number(text)
      continue
    }
    if (field === 'looks') {
      Object.assign(record, decodeLooks(text))
      continue
    }
    const name = FROM_HASH.get(field) ?? field
    record[name] = NUMBER_FIELDS.has(name) ? Number(text) : JSON_FIELDS.has(name) ? JSON.parse(text) : text
  }
  return JobRecord.parse(record)
}
