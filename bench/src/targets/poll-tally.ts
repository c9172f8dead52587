import { onQuestion } from '../probe.ts'

export const INTERVAL_MS = Number(process.env.INTERVAL_MS ?? 5_000)
export const REDIS_URL = process.env.REDIS_URL ?? ''
let polls = 0

/** A look at a task that costs nothing, for measurements that leave HTTP out. Answers when to look again. */
export function look(): number {
  polls += 1
  return INTERVAL_MS * (0.9 + 0.2 * Math.random())
}

/** Lets the bench read how many looks there were. */
export function tellPolls(): void {
  onQuestion('polls', () => polls)
}
