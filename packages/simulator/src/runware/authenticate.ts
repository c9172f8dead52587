import type { Account } from '../accounts.ts'
import { type Problem, problem } from './problem.ts'
import { isRecord, type TaskRequest } from './task-request.ts'
import type { World } from './world.ts'

/** The account behind a key, or why there is none. */
export function accountOf(world: World, key: unknown): Account | Problem {
  const account = typeof key === 'string' ? world.account(key) : undefined
  if (account?.status === 'active') return account
  const code = !key ? 'missingApiKey' : account?.status === 'suspended' ? 'accountSuspended' : 'invalidApiKey'
  return problem(code, { parameter: 'apiKey', taskType: 'authentication' })
}

export function isAuthentication(element: unknown): element is TaskRequest {
  return isRecord(element) && element.taskType === 'authentication'
}
