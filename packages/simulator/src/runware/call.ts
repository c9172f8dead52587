import type { Account } from '../accounts.ts'
import type { Reply } from '../reply.ts'
import type { RunwareOutputs } from './outputs.ts'
import type { Problem } from './problem.ts'
import type { Push } from './push.ts'
import type { SocketStep } from './script.ts'
import type { Task } from './task.ts'
import type { World } from './world.ts'

/** What the task types work with. */
export interface RunwareContext {
  readonly world: World
  readonly outputs: RunwareOutputs
  readonly push: Push
  readonly validate: boolean
  /** Takes no connections for this much clock time. */
  readonly refuse: (ms: number) => void
}

/** Who asks, and how. */
export interface Caller {
  readonly account: Account
  /** Tasks are checked and priced, and nothing runs. */
  readonly isDryRun: boolean
  /** The client will not get the answer, whatever it is. */
  readonly isLost: boolean
}

/** What one task of a request is answered with. */
export interface Handled {
  readonly data: readonly object[]
  readonly errors: readonly Problem[]
  /** The HTTP status a script wants with it. */
  readonly status?: number | undefined
  /** The rest of the answer comes when this task is over. */
  readonly waitsFor?: Task
  /** Results are sent without their taskUUID. */
  readonly isNameless?: boolean
  /** What a script makes of the whole HTTP answer. */
  readonly reply?: Reply
  readonly socket?: SocketStep | undefined
  /** The answer is held back until then. */
  readonly hold?: Promise<unknown>
}

export function told(...data: object[]): Handled {
  return { data, errors: [] }
}

export function refused(...errors: Problem[]): Handled {
  return { data: [], errors }
}
