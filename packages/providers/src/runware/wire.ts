import { z } from 'zod'
import { parseJson } from './json.ts'

/** A field that is not what it should be counts as absent: a surprise beside the point must not lose a paid task. */
function lenient<T extends z.ZodType>(schema: T) {
  return schema.optional().catch(undefined)
}

/** Entries that are not what they should be are left out. */
function each<T extends z.ZodType>(schema: T) {
  return lenient(z.array(z.unknown()).transform((all) => all.flatMap((one) => schema.safeParse(one).data ?? [])))
}

const Text = lenient(z.string())
const Count = lenient(z.number())
const Uuid = lenient(z.string().transform((text) => text.toLowerCase()))

/** One complaint, in `errors` or within a result. */
export const Complaint = z.object({
  taskUUID: Uuid,
  /** `error` where it is what became of a task, and not of the request. */
  status: Text,
  code: Text,
  message: Text,
  parameter: lenient(z.union([z.string(), z.array(z.string())]).transform((one) => [one].flat())),
  allowedValues: lenient(z.array(z.union([z.string(), z.number(), z.boolean()]))),
  min: Count,
  max: Count,
})
export type Complaint = z.infer<typeof Complaint>

/** One result of a task, or the note that it is on its way. Where its files are, its other fields say. */
export const Result = Complaint.extend({
  progress: Count,
  error: lenient(z.union([Complaint, z.string().transform((message) => Complaint.parse({ message }))])),
  seed: lenient(z.union([z.number(), z.string()]).transform(String)),
  NSFWContent: lenient(z.boolean()),
  cost: Count,
  text: Text,
  outputs: lenient(z.object({ files: each(z.object({ uuid: Text, url: Text })) })),
}).catchall(z.unknown())
export type Result = z.infer<typeof Result>

const Answer = z.object({ data: each(Result), errors: each(Complaint) })

/** What the vendor answers to anything: both lists may be there, whatever the HTTP status. */
export type Envelope = { results: Result[]; complaints: Complaint[] }

/** What is remembered of a task: as it was asked for, and how it ended. */
export type Remembered = { taskUUID: string | undefined; results: number | undefined; response: Envelope | undefined }

const Asked = each(z.object({ taskUUID: Uuid, numberResults: Count }))
const Detail = z.object({ taskUUID: Uuid, request: Asked, response: lenient(Answer) })

/** The answer as lists; undefined when it is HTML, cut short, empty or something else. */
export function readEnvelope(text: string): Envelope | undefined {
  const answer = Answer.safeParse(readJson(text)).data
  return answer && envelopeOf(answer)
}

/** The answer to `getTaskDetails`, whether it stands in `data` or alone. */
export function readDetails(text: string): Remembered[] {
  const json = readJson(text)
  const listed = z.object({ data: each(Detail) }).safeParse(json).data?.data ?? []
  const alone = Detail.safeParse(json).data
  return [...listed, ...(alone ? [alone] : [])].flatMap(({ taskUUID, request, response }) => {
    if (!request && !response) return []
    const [asked] = request ?? []
    const uuid = asked?.taskUUID ?? taskUUID ?? response?.data?.[0]?.taskUUID
    return [{ taskUUID: uuid, results: asked?.numberResults, response: response && envelopeOf(response) }]
  })
}

function envelopeOf({ data, errors }: z.infer<typeof Answer>): Envelope | undefined {
  return data || errors ? { results: data ?? [], complaints: errors ?? [] } : undefined
}

function readJson(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
