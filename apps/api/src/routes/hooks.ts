import { readHookToken } from '@genqueue/contract'
import type { AppDeps } from '../app-deps.ts'
import { nudge } from '../hooks.ts'
import type { Route } from '../route.ts'

/** Where vendors report that a task has ended; nothing is there unless the operator set a secret and a public address. */
export function hookRoutes(deps: AppDeps): Route[] {
  const { config, log } = deps
  const { hookSecret, publicUrl } = config
  if (hookSecret === undefined || publicUrl === undefined) return []
  return [
    {
      method: 'POST',
      path: '/hooks/runware/:token',
      summary: 'For the vendor: a task has ended. Only makes us look at it sooner; the body is not read',
      tag: 'Operations',
      errors: 'problem',
      isPublic: true,
      answers: { 204: { description: 'Taken, whatever it was' } },
      async handle(c) {
        const clientRef = readHookToken(hookSecret, c.req.param('token') ?? '')
        if (clientRef !== undefined) {
          await nudge(clientRef, deps).catch((err: unknown) => log.warn({ err }, 'nudge failed'))
        }
        return { status: 204 }
      },
    },
  ]
}
