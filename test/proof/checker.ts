import type { JobResource } from '@genqueue/contract'
import type { ClientLine } from './client.ts'
import type { Evidence, ReceiverLine, UpstreamTask } from './evidence.ts'

/** What a run must hold to beside its ledgers. */
export type Expected = {
  /** States of the deliveries of a job that no receiver took; asked of the API by the harness. */
  untaken: ReadonlyMap<string, readonly string[]>
  /** Ids of all jobs that the API lists. */
  listed: readonly string[]
  /** Keys that should be gone with the last open job. */
  leaks: readonly string[]
  /** Creates that the vendor refused or lost may be sent again; without such faults there is one each. */
  refusals: boolean
  /** The longest that an answer may take which waits for nothing. */
  answerWithinMs: number
  /** How processes ended that were asked to. */
  exits?: readonly { code: number | null; signal: NodeJS.Signals | null }[]
  /** Texts that must be found nowhere, and where they were looked for. */
  secretsFound?: readonly string[]
}

type Broken = { invariant: string; counterexample: string }

/** The verdict as it is printed, one number a column. */
type Counts = {
  attempted: number
  accepted: number
  terminal: number
  lost: number
  duplicateCharge: number
  ambiguous: number
  deliveries: number
  objectsOk: number
  objectsBad: number
  objectsOrphan: number
  leaks: number
}

export type Verdict = { counts: Counts; broken: Broken[] }

const ACCOUNTED = ['exhausted', 'gone', 'blocked', 'held']

/** A job as the client knows it: its id and everything it was told when it had ended. */
type Told = { id: string; marker: string; ends: JobResource[] }

/** Holds the ledgers against each other. Each invariant is reported once, with the first that breaks it. */
export function check(evidence: Evidence, expected: Expected): Verdict {
  const jobs = toldJobs(evidence.client)
  const tasks = Map.groupBy(evidence.upstream.tasks, ({ marker }) => marker)
  const hooks = Map.groupBy(evidence.receiver, ({ jobId }) => jobId)
  // Keys end in `<job>/<index>.<type>`.
  const objects = Map.groupBy(evidence.bucket.objects, ({ key }) =>
    key
      .split('/')
      .slice(-2)
      .join('/')
      .replace(/\.\w+$/, ''),
  )
  const ended = jobs.flatMap((job) => (job.ends[0] ? [{ ...job, end: job.ends[0] }] : []))
  const named = new Set(ended.flatMap(({ end }) => end.outputs.map(({ index }) => `${end.id}/${index}`)))
  const orphans = [...objects.keys()].filter((name) => !named.has(name))
  const markers = new Set(evidence.client.map(({ marker }) => marker))
  const made = (marker: string) => tasks.get(marker) ?? []

  const broken: Broken[] = []
  const judge = (invariant: string, examples: Iterable<string | undefined>) => {
    const first = [...examples].find((example) => example !== undefined)
    if (first !== undefined) broken.push({ invariant, counterexample: first })
  }
  judge('I1', [...jobs.map(endsOnce), ...ended.map(({ marker, end }) => wrongEnd(end, made(marker), expected))])
  judge('I2', [
    ...[...tasks].map(([marker, each]) => (each.length > 1 ? `${marker} was made ${each.length} times` : undefined)),
    ...Object.entries(evidence.upstream.requests.runway).map(([marker, sent]) => tooOften(marker, sent, expected)),
    ...ended.map(({ marker, end }) => notOurs(end, made(marker))),
    ...evidence.upstream.violations,
  ])
  judge('I3', [
    ...ended.map(({ end }) => untold(end, hooks.get(end.id) ?? [], expected)),
    ...evidence.receiver.map((line) => line.fault && `${line.webhookId}: ${line.fault}`),
  ])
  judge('I4', [
    ...ended.map(({ marker, end }) => badObject(end, made(marker), objects)),
    ...[...objects].map(([name, all]) => (all.length > 1 ? `${name} lies there ${all.length} times` : undefined)),
    ...orphans.map((key) => `${key} lies in the bucket and belongs to no job`),
  ])
  judge('I5', expected.secretsFound ?? [])
  judge('I6', keysKept(evidence.client, jobs, expected, [...tasks.keys()], markers))
  judge('I8', expected.leaks)
  judge(
    'I10',
    (expected.exits ?? []).map(({ code, signal }) => (code === 0 ? undefined : `ended with ${code ?? signal}`)),
  )
  judge(
    'I12',
    evidence.client.map((line) => tooLate(line, expected)),
  )

  const checked = ended.flatMap(({ marker, end }) =>
    end.outputs.map((output) => isGood(end, output, made(marker), objects)),
  )
  return {
    broken,
    counts: {
      attempted: markers.size,
      accepted: jobs.length,
      terminal: ended.length,
      lost: jobs.length - ended.length,
      duplicateCharge: [...tasks.values()].reduce((sum, each) => sum + each.length - 1, 0),
      ambiguous: ended.filter(({ end }) => end.error?.code === 'submission_unknown').length,
      deliveries: evidence.receiver.length,
      objectsOk: checked.filter(Boolean).length,
      objectsBad: checked.filter((good) => !good).length,
      objectsOrphan: orphans.length,
      leaks: expected.leaks.length,
    },
  }
}

function toldJobs(client: readonly ClientLine[]): Told[] {
  const jobs = new Map<string, Told>()
  for (const { jobId, marker, ended } of client) {
    if (jobId === undefined) continue
    const job = jobs.get(jobId) ?? { id: jobId, marker, ends: [] }
    if (ended) job.ends.push(ended)
    jobs.set(jobId, job)
  }
  return [...jobs.values()]
}

function endsOnce({ id, marker, ends }: Told): string | undefined {
  // What it has cost may be learned later.
  const [first, ...later] = ends.map(({ cost: _, ...end }) => JSON.stringify(end))
  if (first === undefined) return `${id} (${marker}) was acknowledged and never ended`
  const other = later.find((end) => end !== first)
  return other && `${id} (${marker}) ended as ${first}, then as ${other}`
}

/** That nobody knows of a task is an end for those alone whose task nobody knew. */
function wrongEnd(
  { id, status, error }: JobResource,
  made: readonly UpstreamTask[],
  { refusals }: Expected,
): string | undefined {
  if (status === 'succeeded') return undefined
  if (error?.code !== 'submission_unknown') return refusals ? undefined : `${id} is ${status}: ${error?.code}`
  const known = made.find(({ isLookedAt }) => isLookedAt)
  return known && `${id} ended as submission_unknown, and its task ${known.taskId} had been looked at`
}

function tooOften(marker: string, requests: number, { refusals }: Expected): string | undefined {
  if (refusals || requests <= 1) return undefined
  return `the create of ${marker} was sent ${requests} times`
}

function notOurs({ id, task_id, status }: JobResource, made: readonly UpstreamTask[]): string | undefined {
  if (status !== 'succeeded' || made.some(({ taskId }) => taskId === task_id)) return undefined
  return `${id} succeeded with the task ${task_id}, which was not made for it`
}

function untold(
  { id, status }: JobResource,
  hooks: readonly ReceiverLine[],
  { untaken }: Expected,
): string | undefined {
  const [first] = hooks
  const other = hooks.find(({ webhookId, bodyHash }) => webhookId !== first?.webhookId || bodyHash !== first.bodyHash)
  if (other) return `${id} was told as ${first?.webhookId} and as ${other.webhookId}, or with other bytes`
  const wrong = hooks.find((hook) => hook.status !== status)
  if (wrong) return `${id} is ${status} and was told to be ${wrong.status}`
  if (hooks.some(({ taken }) => taken)) return undefined
  const states = untaken.get(id) ?? []
  return states.length > 0 && states.every((state) => ACCOUNTED.includes(state))
    ? undefined
    : `${id} is ${status}, no receiver took its webhook, and its deliveries are ${states.join(', ') || 'none'}`
}

/** What lies in the bucket, by `<job>/<index>`. */
type Objects = ReadonlyMap<string, readonly { sha256: string }[]>

function isGood(
  { id }: JobResource,
  { index, sha256 }: JobResource['outputs'][number],
  made: readonly UpstreamTask[],
  objects: Objects,
): boolean {
  return objects.get(`${id}/${index}`)?.[0]?.sha256 === sha256 && made.some(({ outputs }) => outputs[index] === sha256)
}

function badObject(end: JobResource, made: readonly UpstreamTask[], objects: Objects): string | undefined {
  const bad = end.outputs.find((output) => !isGood(end, output, made, objects))
  if (bad) return `${end.id}: what lies there as output ${bad.index} is not what the vendor made`
  return end.status === 'succeeded' && end.outputs.length === 0 ? `${end.id} succeeded without an output` : undefined
}

function* keysKept(
  client: readonly ClientLine[],
  jobs: readonly Told[],
  { listed }: Expected,
  made: readonly string[],
  markers: ReadonlySet<string>,
) {
  const byKey = new Map<string, string>()
  for (const { key, jobId } of client) {
    if (key === undefined || jobId === undefined) continue
    const known = byKey.get(key) ?? jobId
    byKey.set(key, known)
    if (known !== jobId) yield `the key ${key} was answered with ${known} and with ${jobId}`
  }
  const acknowledged = new Set(jobs.map(({ id }) => id))
  for (const id of listed) if (!acknowledged.has(id)) yield `${id} exists and was never acknowledged`
  for (const id of acknowledged) if (!listed.includes(id)) yield `${id} was acknowledged and is not there`
  for (const marker of made) if (!markers.has(marker)) yield `${marker} was made and never asked for`
}

function tooLate({ waits, durationMs, method, path }: ClientLine, { answerWithinMs }: Expected): string | undefined {
  return !waits && durationMs > answerWithinMs ? `${method} ${path} took ${durationMs} ms` : undefined
}
