import { type Args, errorReply, htmlPage } from '../fault-args.ts'
import type { Reply } from '../reply.ts'
import { DOC_URL } from './call.ts'
import type { CreateStep, Fault, Script } from './script.ts'

type CreateFault = (args: Args) => CreateStep

const create =
  (fault: CreateFault): Fault =>
  (args) => ({ create: fault(args) })

/** No task comes into being, and the answer is an error the caller has to mend. */
const refusal = (http: number, error: string, extra: object = {}): Fault =>
  create((args) => ({ accept: false, ...errorReply(args, http, error, extra) }))

const invalid = (issue: (args: Args) => object): Fault =>
  create((args) => ({
    accept: false,
    ...errorReply(args, 400, 'Validation of body failed', { issues: [issue(args)], docUrl: DOC_URL }),
  }))

const protocolFault = (reply: CreateStep): Fault =>
  create((args) => ({ ...reply, http: reply.http ?? 200, accept: args.flag('accept', true) }))

const repeated = (fault: Fault): Fault => {
  return (args): Script => {
    const times = args.count('n')
    return { ...fault(args), times }
  }
}

const UNAUTHORIZED: Readonly<Record<string, string>> = {
  no_key: 'No API key was provided. Send it as a bearer token in the Authorization header.',
  bad_key: 'The API key is not valid.',
  suspended: 'This account has been suspended.',
  wrong_version: 'The API version in X-Runway-Version is not supported.',
}

const serverError = (args: Args): Reply => {
  const http = args.number('status', 503)
  return errorReply(args, http, http === 504 ? 'Gateway Timeout' : http === 502 ? 'Bad Gateway' : 'Service Unavailable')
}

const dailyLimit = (args: Args): CreateStep => {
  const reply = errorReply(args, 429, 'Your daily task limit has been reached.')
  return {
    accept: false,
    ...reply,
    ...(args.text('body') === 'message' ? { body: { message: 'Too Many Requests' } } : {}),
  }
}

export const CREATE_FAULTS = {
  'create.ok': create(() => ({})),
  'create.ok_no_estimate': create(() => ({ estimate: false })),
  'create.accept_then_drop': create(() => ({ accept: true, fate: 'drop' })),
  'create.accept_then_5xx': create((args) => ({ accept: true, ...serverError(args) })),
  'create.accept_then_hang': create(() => ({ accept: true, fate: 'hang' })),
  'create.reject_5xx': repeated(create((args) => ({ accept: false, ...serverError(args) }))),
  'create.reset_before_accept': create(() => ({ accept: false, fate: 'reset' })),
  'create.refused': (args) => ({ refuseMs: args.number('ms', 1000), create: { accept: false, fate: 'reset' } }),
  'create.200_html': protocolFault(htmlPage()),
  'create.200_empty': protocolFault({ body: '' }),
  'create.200_truncated': create((args) => ({
    accept: args.flag('accept', true),
    fate: args.choice('how', ['json', 'socket']) === 'json' ? 'truncate' : 'cut',
  })),
  'create.200_no_id': create((args) => ({ accept: args.flag('accept', true), omitId: true })),
  'create.slow': create((args) => ({ delayMs: args.number('ms', 5000) })),
  'create.trickle': create((args) => ({ fate: 'trickle', bytesPerSecond: args.number('bytesPerSecond', 20) })),
  'create.redirect': create((args) => ({
    accept: false,
    http: args.number('status', 307),
    redirect: args.text('to', 'other'),
    body: '',
  })),
  'create.400_validation': invalid((args) => ({
    code: args.text('code', 'invalid_value'),
    path: [args.text('path', 'ratio')],
    message: args.text('message', 'Invalid option: expected one of "1280:720"|"720:1280"'),
  })),
  'create.400_asset': invalid((args) => ({
    code: 'custom',
    path: [args.text('path', 'videoUri')],
    message: ASSET_REASONS[args.choice('reason', ASSET_REASON_NAMES)],
  })),
  'create.400_unknown_field': invalid((args) => ({
    code: 'unrecognized_keys',
    keys: [args.text('field', 'unknownField')],
    path: [],
    message: `Unrecognized key: "${args.text('field', 'unknownField')}"`,
  })),
  'create.400_bad_model': invalid(() => ({
    code: 'invalid_union',
    errors: [],
    note: 'No matching discriminator',
    discriminator: 'model',
    path: ['model'],
    message: 'Invalid input',
  })),
  'create.400_no_credits': refusal(400, 'You do not have enough credits to run this task.', { docUrl: DOC_URL }),
  'create.400_on_behalf_of': refusal(400, 'X-Runway-On-Behalf-Of request header was not specified for task creation'),
  'create.401': create((args) => {
    const reason = args.choice('reason', ['bad_key', 'no_key', 'suspended', 'wrong_version'])
    return { accept: false, ...errorReply(args, 401, UNAUTHORIZED[reason] ?? 'Unauthorized', { docUrl: DOC_URL }) }
  }),
  'create.403': refusal(403, 'Forbidden'),
  'create.404': refusal(404, 'Not Found'),
  'create.405': refusal(405, 'Method Not Allowed'),
  'create.413': refusal(413, 'Payload Too Large'),
  'create.415': refusal(415, 'Unsupported Media Type'),
  'create.422': refusal(422, 'Unprocessable Entity'),
  'create.429_daily': create(dailyLimit),
  'create.429_burst': repeated(create((args) => ({ accept: false, ...errorReply(args, 429, 'Too Many Requests') }))),
} as const satisfies Readonly<Record<string, Fault>>

const ASSET_REASONS = {
  non_200: 'Failed to fetch asset. Received HTTP response code "404".',
  timeout: 'Failed to fetch asset. The request timed out.',
  connection: 'Failed to fetch asset. The connection could not be made.',
  not_https: 'Only HTTPS URLs are supported.',
  ip_host: 'The host of the URL must not be an IP address.',
  bad_url: 'Invalid URL.',
  bad_data_uri: 'Invalid data URI.',
  media_type: 'Unsupported asset type.',
  too_long: 'Asset duration must be at most 30 seconds',
  too_large: 'Asset size must be at most 32 MB',
  dimensions: 'Asset dimensions are not supported',
} as const
const ASSET_REASON_NAMES = [
  'non_200',
  'timeout',
  'connection',
  'not_https',
  'ip_host',
  'bad_url',
  'bad_data_uri',
  'media_type',
  'too_long',
  'too_large',
  'dimensions',
] as const
