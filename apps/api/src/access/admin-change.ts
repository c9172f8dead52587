import type { AppDeps } from '../app-deps.ts'
import type { Caller } from '../route.ts'

/** Notes who changed what; never with a secret. */
export function noteChange(
  { actor, requestId }: Caller,
  { audit, now = Date.now }: Pick<AppDeps, 'audit' | 'now'>,
  change: { action: string; target: string; detail?: Record<string, unknown> },
): Promise<void> {
  return audit({ ...change, actor, requestId, atMs: now() })
}
