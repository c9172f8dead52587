import { type Args, htmlPage, retryAfterHeaders } from '../fault-args.ts'
import type { CreateStep, RunwareFault, RunwareScript } from './script.ts'

const create =
  (step: (args: Args) => CreateStep): RunwareFault =>
  (args) => ({ create: step(args) })

/** An error whose body is of the kind the argument `body` names; only `error` is one a task can be told by. */
function errorStep(args: Args, http: number, code: string, accept: boolean): CreateStep {
  const kind = args.choice('body', ['error', 'message', 'empty', 'html'])
  const headers = retryAfterHeaders(args)
  if (kind === 'error') return { accept, problem: { code }, status: http, ...headers }
  const body = kind === 'html' ? htmlPage() : { body: kind === 'message' ? { message: code } : '' }
  return { accept, http, ...body, ...headers }
}

/** No task comes into being, and the answer says why. */
const refusal = (http: number, code: string): RunwareFault =>
  create((args) => errorStep(args, args.number('status', http), args.text('code', code), false))

const SERVER_ERRORS: Readonly<Record<number, string>> = { 502: 'providerBadGateway', 504: 'providerGatewayTimeout' }

const serverError = (args: Args, accept: boolean): CreateStep => {
  const http = args.number('status', 503)
  return errorStep(args, http, SERVER_ERRORS[http] ?? 'serviceUnavailable', accept)
}

const protocolFault = (reply: CreateStep): RunwareFault =>
  create((args) => ({ ...reply, http: 200, accept: args.flag('accept', true) }))

const repeated =
  (fault: RunwareFault): RunwareFault =>
  (args) => ({ ...fault(args), times: args.count('n') })

const UNAUTHORIZED = { bad_key: 'invalidApiKey', no_key: 'missingApiKey', suspended: 'accountSuspended' } as const

/** The UUID is called taken on the first attempt; with `accept=false` not even that is true. */
const conflict = (args: Args): CreateStep => ({
  accept: args.flag('accept', true),
  problem: { code: 'conflictTaskUUID', parameter: 'taskUUID' },
  status: 400,
})

export const RUNWARE_CREATE_FAULTS = {
  'create.ok': create(() => ({})),
  'create.accept_then_drop': create(() => ({ accept: true, fate: 'drop' })),
  'create.accept_then_5xx': create((args) => serverError(args, true)),
  'create.accept_then_hang': create(() => ({ accept: true, fate: 'hang' })),
  'create.reject_5xx': repeated(create((args) => serverError(args, false))),
  'create.reset_before_accept': create(() => ({ accept: false, fate: 'reset' })),
  'create.refused': (args) => ({ refuseMs: args.number('ms', 1000), create: { accept: false, fate: 'reset' } }),
  'create.200_html': protocolFault(htmlPage()),
  'create.200_empty': protocolFault({ body: '' }),
  'create.200_truncated': create((args) => ({
    accept: args.flag('accept', true),
    fate: args.choice('how', ['json', 'socket']) === 'json' ? 'truncate' : 'cut',
  })),
  'create.200_no_id': create((args) => ({ accept: args.flag('accept', true), data: 'nameless' })),
  'create.slow': create((args) => ({ delayMs: args.number('ms', 5000) })),
  'create.trickle': create((args) => ({ fate: 'trickle', bytesPerSecond: args.number('bytesPerSecond', 20) })),
  'create.redirect': create((args) => ({
    accept: false,
    http: args.number('status', 307),
    redirect: args.text('to', 'other'),
    body: '',
  })),
  'create.401': create((args) => {
    const code = UNAUTHORIZED[args.choice('reason', ['bad_key', 'no_key', 'suspended'])]
    return errorStep(args, 401, code, false)
  }),
  'create.403': refusal(403, 'accessDenied'),
  'create.404': refusal(404, 'modelNotFound'),
  'create.405': refusal(405, 'methodNotAllowed'),
  'create.413': refusal(413, 'payloadTooLarge'),
  'create.415': refusal(415, 'unsupportedMediaType'),
  'create.422': refusal(422, 'invalidProviderContent'),
  'create.429_daily': refusal(429, 'rateLimitExceeded'),
  'create.429_burst': repeated(refusal(429, 'rateLimitExceeded')),
  'create.conflict_uuid': create(conflict),
  'create.conflict_but_unknown': (args): RunwareScript => ({
    create: conflict(args),
    forgotten: args.flag('details', false) ? 'response' : 'everything',
  }),
  'create.ack_empty': create(() => ({ data: 'empty' })),
  'create.errors_in_200': create((args) => errorStep(args, 200, args.text('code', 'providerError'), false)),
  'create.partial_batch': create((args) => errorStep(args, 200, args.text('code', 'invalidModel'), false)),
  'create.error_without_uuid': create((args) => ({
    ...errorStep(args, args.number('status', 400), args.text('code', 'invalidModel'), false),
    nameless: true,
  })),
  'create.402_credits': refusal(402, 'insufficientCredits'),
  'create.503_capacity': refusal(503, 'noAvailableServer'),
  'create.504_queue': refusal(504, 'timeout'),
  'create.dry_run': create(() => ({ dryRun: true })),
} as const satisfies Readonly<Record<string, RunwareFault>>
