import type { Cost } from '@genqueue/contract'
import { z } from 'zod'

/** A field that is not what it should be counts as absent: a surprise beside the point must not lose a paid task. */
function lenient<T extends z.ZodType>(schema: T) {
  return schema.optional().catch(undefined)
}

const Text = lenient(z.string())
const Credits = lenient(
  z.object({ credits: z.number() }).transform(({ credits }): Cost => ({ amount: credits, unit: 'credits' })),
)

/** Goes into a path later, so it may not be `..` or hold a slash. */
export const TaskCreated = z.object({
  id: z.string().regex(/^[A-Za-z0-9][\w.:-]{0,199}$/),
  estimatedCost: Credits,
})
export type TaskCreated = z.infer<typeof TaskCreated>

/** A task in either dialect. Only `status` is needed to go on. */
export const Task = z.object({
  status: z.string().min(1),
  progress: lenient(z.number()),
  output: lenient(z.union([z.array(z.unknown()), z.string().transform((url): unknown[] => [url])])),
  failure: Text,
  failureCode: Text,
  code: Text,
  estimatedCost: Credits,
  cost: Credits,
})
export type Task = z.infer<typeof Task>

/** Where to put a file, and what to call it afterwards. */
export const UploadPlace = z.object({
  uploadUrl: z.url({ protocol: /^https?$/ }),
  fields: z.record(z.string(), z.union([z.string(), z.number().transform(String)])).default({}),
  runwayUri: lenient(z.string().min(1)),
  uri: lenient(z.string().min(1)),
  id: lenient(z.string().min(1)),
})
export type UploadPlace = z.infer<typeof UploadPlace>

const MAX_MODELS = 500
const Maximum = lenient(z.number().min(0).transform(Math.floor))

/** Models by name; more than any vendor has is a mistake, and is not kept. */
function byModel<T extends z.ZodType>(schema: T) {
  const models = z.record(z.string().max(200), lenient(schema)).refine((all) => Object.keys(all).length <= MAX_MODELS)
  return lenient(z.object({ models: lenient(models) }))
}

/** Only what we go by. At least one of the three must be there for the answer to be one about limits. */
export const Organization = z
  .object({
    creditBalance: lenient(z.number()),
    tier: byModel(z.object({ maxConcurrentGenerations: Maximum, maxDailyGenerations: Maximum })),
    usage: byModel(z.object({ dailyGenerations: Maximum })),
  })
  .refine(({ creditBalance, tier, usage }) => creditBalance !== undefined || tier || usage)
export type Organization = z.infer<typeof Organization>

export const ErrorBody = z.object({
  error: lenient(z.union([z.string(), z.object({ message: z.string() }).transform(({ message }) => message)])),
  message: Text,
  code: Text,
  issues: lenient(
    z.array(z.object({ path: lenient(z.array(z.union([z.string(), z.number()]))), message: Text, code: Text })),
  ),
})
export type ErrorBody = z.infer<typeof ErrorBody>

/** The answer as what it should be; undefined when it is HTML, cut short, empty or something else. */
export function readJson<T extends z.ZodType>(text: string, schema: T): z.infer<T> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
