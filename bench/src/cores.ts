import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** What is measured has a core of its own; Redis, the outside world and the bench share the other one. */
export type Core = 'measured' | 'others'

const CORES = { others: '0', measured: '1' } as const
const canPin = availableParallelism() > 1 && spawnSync('taskset', ['-p', String(process.pid)]).status === 0

export const PINNING = canPin ? 'measured process on core 1, all else on core 0' : 'not pinned'

/** The command that runs on the core, as the very process it starts. */
export function pinnedCommand(core: Core, command: string, args: readonly string[]): [string, string[]] {
  return canPin ? ['taskset', ['-c', CORES[core], command, ...args]] : [command, [...args]]
}

/** Moves a running process, with all its threads. */
export function pin(core: Core, pid: number): void {
  if (canPin) spawnSync('taskset', ['-acp', CORES[core], String(pid)])
}
