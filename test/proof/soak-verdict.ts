import type { Verdict } from './checker.ts'
import type { Delivery } from './client.ts'
import type { ReceiverLine } from './evidence.ts'

/** Every invariant, in the order of the reliability page; those without a text are judged elsewhere. */
const INVARIANTS: Readonly<Record<string, string>> = {
  I1: 'every acknowledged job ended once, and its end never changed',
  I2: 'no job has two tasks at its vendor, and no create came to Runway twice',
  I3: 'every end was taken by its receiver, or is recorded as given up; same id, same bytes',
  I4: 'every output is what the vendor made, and nothing lies in the bucket that no job tells of',
  I5: 'no secret was found anywhere',
  I6: 'one key, one job; nothing exists that was never acknowledged',
  I7: '',
  I8: 'no slot, place, counter, schedule, lease or held money is left',
  I9: 'the worker and the API that lived through it hold no more than before',
  I10: 'who was asked to end exited with 0',
  I11: '',
  I12: 'no request waited for longer than two seconds',
  money: 'what the service tells that it cost is what the vendors charged',
}
const ELSEWHERE = 'judged by tests of its own: docs/reliability.md'

/** One line for each invariant: whether it held, or what broke it. */
export function invariantLines(broken: Verdict['broken']): string {
  const names = [...new Set([...Object.keys(INVARIANTS), ...broken.map(({ invariant }) => invariant)])]
  return names
    .map((name) => {
      const found = broken.flatMap(({ invariant, counterexample }) => (invariant === name ? [counterexample] : []))
      const text = INVARIANTS[name]
      if (found.length > 0) return `${name.padEnd(6)} BROKEN  ${found.join('\n                ')}`
      return text ? `${name.padEnd(6)} held    ${text}` : `${name.padEnd(6)} -       ${ELSEWHERE}`
    })
    .join('\n')
}

/** What became of the webhooks of all jobs. */
export function webhookText(
  accepted: number,
  untaken: ReadonlyMap<string, readonly Delivery[]>,
  calls: readonly ReceiverLine[],
): string {
  const taken = calls.filter((call) => call.taken)
  const told = new Set(taken.map(({ jobId }) => jobId)).size
  const states = Map.groupBy([...untaken.values()].flat(), ({ status }) => status)
  const count = (status: string) => states.get(status)?.length ?? 0
  return (
    `${told} of ${accepted} taken, ${count('gone')} gone, ${count('exhausted')} exhausted; ` +
    `${calls.length} calls, ${taken.length - told} of them for what was taken before`
  )
}

/** The first webhook that is recorded as given up for another reason than its receiver gave. */
export function wronglyGivenUp(
  untaken: ReadonlyMap<string, readonly Delivery[]>,
  isGone: (jobId: string) => boolean,
): string | undefined {
  for (const [jobId, deliveries] of untaken) {
    for (const { status, attempts } of deliveries) {
      if (status === 'gone' && isGone(jobId) && attempts > 0) continue
      if (status === 'exhausted' && attempts >= MOST_ATTEMPTS) continue
      return `the webhook of ${jobId} is ${status} after ${attempts} attempts`
    }
  }
  return undefined
}

const MOST_ATTEMPTS = 10
