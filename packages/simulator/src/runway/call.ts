import type { IncomingHttpHeaders } from 'node:http'
import type { Account } from '../accounts.ts'
import type { Regular, Reply } from '../reply.ts'
import type { Task } from './task.ts'
import type { World } from './world.ts'

/** What the calls of the API work with. */
export interface ApiContext {
  readonly world: World
  readonly validate: boolean
  readonly lenientModels: boolean
  /** Output URLs of a finished task, fresh on every call. */
  readonly issueUrls: (task: Task) => string[]
  readonly uploadUrl: (uploadId: string) => string
  readonly isOwnUrl: (url: URL) => boolean
  /** Takes no connections for this much clock time. */
  readonly refuse: (ms: number) => void
}

/** One authenticated request. */
export interface Call {
  readonly account: Account
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Undefined when the body was too large, or for a method that has none. */
  readonly raw: Buffer | undefined
  /** The client will not get the answer, whatever it is. */
  readonly isLost: boolean
  readonly whenClosed: (run: () => void) => void
}

/** What the client is told, and what a script makes of it. */
export interface Answer {
  readonly regular: Regular
  readonly reply: Reply
}

export const DOC_URL = 'https://docs.dev.runwayml.com/api'

export function answer(status: number, body: unknown, reply: Reply = {}): Answer {
  return { regular: { status, body }, reply }
}

export function refusal(status: number, error: string, extra: object = {}): Answer {
  return answer(status, { error, ...extra })
}

export function invalidBody(issues: readonly object[]): Answer {
  return refusal(400, 'Validation of body failed', { issues, docUrl: DOC_URL })
}
