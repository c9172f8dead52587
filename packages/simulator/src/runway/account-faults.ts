import { errorReply } from '../fault-args.ts'
import type { Fault } from './script.ts'

export const ACCOUNT_FAULTS = {
  'del.204_then_404': () => ({}),
  'del.404': (args) => ({
    delete: { perform: false, ...errorReply(args, 404, 'Could not find Task'), times: args.count('n', 'forever') },
  }),
  'del.5xx': (args) => ({
    delete: {
      perform: false,
      ...errorReply(args, args.number('status', 503), 'Service Unavailable'),
      times: args.count('n'),
    },
  }),
  'del.race_succeeds_first': () => ({ delete: { finishFirst: true } }),
  'upload.placeholder_429': (args) => ({ upload: { placeholder: errorReply(args, 429, 'Too Many Requests') } }),
  'upload.storage_403': () => ({ upload: { storage: storageError(403, 'AccessDenied') } }),
  'upload.storage_503': () => ({ upload: { storage: storageError(503, 'SlowDown') } }),
  'upload.storage_drop': () => ({ upload: { storage: { fate: 'drop' } } }),
  'upload.no_runwayUri': () => ({ upload: { omitUri: true } }),
  'org.ok': () => ({ organization: {} }),
  'org.null_limits': (args) => ({ organization: { nullLimits: true }, times: args.count('n') }),
  'org.zero_credit': (args) => ({ organization: { creditBalance: 0 }, times: args.count('n') }),
  /** `status` 200 with a `body` of html or empty is garbage. */
  'org.error': (args) => ({
    organization: { reply: errorReply(args, args.number('status', 500), 'Internal Server Error') },
    times: args.count('n'),
  }),
} as const satisfies Readonly<Record<string, Fault>>

function storageError(http: number, code: string) {
  return { http, contentType: 'application/xml', body: `<Error><Code>${code}</Code></Error>` }
}
