/** How much longer than a lock a process stands still at `hang`. */
const HANG_MS = 2_000
const DELAY_MS = 300

/**
 * Every boundary at which a process may vanish, and where the harness stands there. `redis` is the connection of the
 * child process, `seam` one of the worker's `Seams`, `vendor` the bytes of a create, `answer` the API's HTTP answer.
 * Nothing of it is in the code that ships.
 */
export const POINTS = {
  'accept.before_script': { in: 'api', at: 'redis', what: 'the job is about to be written' },
  'accept.after_script': { in: 'api', at: 'redis', what: 'the job is written, the caller does not know' },
  'accept.after_response': { in: 'api', at: 'answer', what: 'the caller has its answer' },
  'worker.after_claim': { in: 'worker', at: 'redis', what: 'the message of a submit is claimed' },
  'submit.intent_written': { in: 'worker', at: 'redis', what: 'the intent to create is written, nothing is sent' },
  'submit.request_sent': { in: 'worker', at: 'vendor', what: 'the create has left, its answer has not come' },
  'submit.response_read': { in: 'worker', at: 'seam', what: 'the answer is read and not stored' },
  'submit.id_saved': { in: 'worker', at: 'redis', what: 'the task id (or the result) is stored' },
  'poll.before': { in: 'worker', at: 'seam', what: 'a look is leased and not sent' },
  'poll.after': { in: 'worker', at: 'seam', what: 'a look is answered, the answer is not stored' },
  'poll.terminal_seen': { in: 'worker', at: 'seam', what: 'the task was seen to be done, which is not stored' },
  'copy.opened': { in: 'worker', at: 'seam', what: 'the output is on its way, nothing is put' },
  'copy.part_n': { in: 'worker', at: 'seam', what: 'one more part of the output is on its way into the bucket' },
  'copy.before_complete': { in: 'worker', at: 'seam', what: 'all bytes are sent, the object is not confirmed' },
  'copy.after_complete': { in: 'worker', at: 'seam', what: 'the object lies in the bucket, the record knows nothing' },
  'copy.recorded': { in: 'worker', at: 'redis', what: 'the record knows, the message of the copy is still there' },
  'terminal.before_script': { in: 'worker', at: 'redis', what: 'the end of the job is about to be written' },
  'terminal.after_script': { in: 'worker', at: 'redis', what: 'end and deliveries are written, nobody was told' },
  'hook.claimed': { in: 'worker', at: 'seam', what: 'a delivery is leased and not sent' },
  'hook.sent': { in: 'worker', at: 'seam', what: 'the receiver has answered, which is not written' },
  'hook.recorded': { in: 'worker', at: 'seam', what: 'the attempt is written' },
  'sweeper.mid_batch': { in: 'worker', at: 'redis', what: 'reconcile has looked at some of its batch' },
} as const

export type Point = keyof typeof POINTS

export const POINT_NAMES = Object.keys(POINTS) as readonly Point[] // the keys of the literal above

export const VENDORS = ['runway', 'runware'] as const
/** What a run asks for: a video of Runway's that is looked at, an image of Runware's whose caller waits. */
export type Vendor = (typeof VENDORS)[number]

/** A point that a job of this kind does not come to, with the reason. */
export function whyNever(point: Point, vendor: Vendor): string | undefined {
  if (vendor !== 'runware' || !point.startsWith('poll.')) return undefined
  return 'an image is not looked at: its create brings the result'
}

/**
 * `kill`: SIGKILL by its own hand. `throw`: the call fails before it was made, or with its answer where that is read.
 * `hang`: the process stands still for longer than its locks, and goes on. `delay`: the answer comes late. `drop`: the
 * call has had its effect and the answer is lost.
 */
const ACTIONS = ['kill', 'throw', 'hang', 'delay', 'drop'] as const
export type Action = (typeof ACTIONS)[number]

/** At the `nth` time of the point the action is taken. */
export type Fault = { point: Point; nth: number; action: Action; ms: number }

/** `point:nth:action[:ms]`, several with a comma between. */
export function parseFaults(text: string): Fault[] {
  return text.split(',').flatMap((each) => {
    const [point, nth = '1', action = 'kill', ms] = each.split(':')
    if (point === '' || point === undefined) return []
    if (!Object.hasOwn(POINTS, point)) throw new Error(`There is no point called ${point}`)
    const known = ACTIONS.find((name) => name === action)
    if (known === undefined) throw new Error(`There is no action called ${action}`)
    const defaultMs = known === 'hang' ? HANG_MS : DELAY_MS
    return [{ point: point as Point, nth: Number(nth), action: known, ms: ms === undefined ? defaultMs : Number(ms) }] // checked above
  })
}
