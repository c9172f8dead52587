import type { LeasedTask } from '@genqueue/jobs'

/** Tasks of one key that are looked at in one request. */
export type PollBatch = {
  keyId: string
  tasks: LeasedTask[]
  /** What is in it has failed before and is kept from the others. */
  isSuspect: boolean
}

const MAX_ONCE_FAILED = 5

/**
 * Cuts leased tasks into requests. An answer that fails may be the fault of one task among twenty: what failed once goes
 * by fives, and what failed twice by itself, so that nothing holds up the others for longer than one look.
 */
export function pollBatches(tasks: readonly LeasedTask[], maxSize: number): PollBatch[] {
  const groups = new Map<string, LeasedTask[]>()
  for (const task of tasks) {
    const name = `${Math.min(2, task.pollErrors)} ${task.providerKeyId}`
    const group = groups.get(name)
    if (group) group.push(task)
    else groups.set(name, [task])
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    if (!first) return []
    const { pollErrors, providerKeyId: keyId } = first
    const size = pollErrors === 0 ? maxSize : pollErrors === 1 ? Math.min(MAX_ONCE_FAILED, maxSize) : 1
    const count = Math.ceil(group.length / size)
    return Array.from({ length: count }, (_, n) => ({
      keyId,
      tasks: group.slice(n * size, (n + 1) * size),
      isSuspect: pollErrors > 1,
    }))
  })
}
