import { MediaType } from '../assets/media.ts'
import { type Args, BadFault, htmlPage, retryAfterHeaders } from '../fault-args.ts'
import type { Reply } from '../reply.ts'
import type { PollStep, ResultSpec, RunwareFault, RunwareScript } from './script.ts'

const poll =
  (steps: (args: Args) => PollStep[]): RunwareFault =>
  (args) => ({ poll: steps(args) })

/** What becomes of every generation. */
const result =
  (spec: (args: Args) => ResultSpec): RunwareFault =>
  (args) => ({ results: [spec(args)] })

/** Answers in place of `n` polls, after `after` regular ones. */
const interruption =
  (reply: (args: Args) => PollStep, polls: number | 'forever' = 1): RunwareFault =>
  (args) => {
    const after = args.number('after', 0)
    const step = { ...reply(args), polls: args.count('n', polls) }
    return { poll: after > 0 ? [{ polls: after }, step] : [step] }
  }

const errorReply = (args: Args, http: number, code: string): Reply => ({
  http,
  body: { data: [], errors: [{ code, message: `The request failed: ${code}.` }] },
  ...retryAfterHeaders(args),
})

function progressList(args: Args): (number | null)[] {
  return args
    .text('list', '0,missing,45,45,20,100,170')
    .split(',')
    .map((word) => {
      if (word === 'missing') return null
      const value = Number(word)
      if (!Number.isFinite(value)) throw new BadFault(`list holds "${word}", which is neither a number nor "missing"`)
      return value
    })
}

const failure = (args: Args, encoding: 'errors' | 'item'): ResultSpec => ({
  status: 'error',
  code: args.text('code', 'providerError'),
  encoding,
})

/** `ok` generations succeed, `failed` fail, and the rest comes `lateMs` later. */
function partial(args: Args): RunwareScript {
  const done: ResultSpec[] = Array.from({ length: args.number('ok', 1) }, () => ({}))
  const encoding = args.choice('encoding', ['errors', 'item'])
  const bad = Array.from({ length: args.number('failed', 1) }, () => failure(args, encoding))
  return { results: [...done, ...bad, { lateMs: args.number('lateMs', 5000) }] }
}

function cost(args: Args): ResultSpec {
  return { cost: args.text('cost', '0') === 'missing' ? null : args.number('cost', 0) }
}

export const RUNWARE_POLL_FAULTS = {
  'poll.progress': poll((args) => [{ processing: true, progress: progressList(args) }]),
  'poll.status_flap': poll(() => [
    { processing: true, progress: 40 },
    { processing: true, word: 'pending', progress: null },
    { processing: true, progress: 10 },
  ]),
  'poll.unknown_status': poll((args) => [
    { processing: true, word: args.text('status', 'FOO'), polls: args.count('n') },
  ]),
  /** Runware writes its statuses small, so here it is the large letters that are odd. */
  'poll.status_lowercase': (): RunwareScript => ({
    results: [{ word: 'SUCCESS' }],
    poll: [{ processing: true, word: 'PROCESSING' }],
  }),
  'poll.canceled_spelling': result((args) => ({
    ...failure(args, 'item'),
    code: 'taskCancelled',
    word: args.text('status', 'canceled'),
  })),
  'poll.5xx': interruption((args) => errorReply(args, args.number('status', 503), 'serviceUnavailable')),
  'poll.429': interruption((args) => errorReply(args, 429, 'rateLimitExceeded')),
  'poll.hang': interruption(() => ({ fate: 'hang' })),
  'poll.drop': interruption(() => ({ fate: 'drop' })),
  'poll.html': interruption(() => ({ http: 200, ...htmlPage() })),
  'poll.truncated': interruption((args) => ({
    fate: args.choice('how', ['json', 'socket']) === 'json' ? 'truncate' : 'cut',
  })),
  'poll.401_midway': (args): RunwareScript => ({
    poll: [{ polls: args.number('after', 1) }, { ...errorReply(args, 401, 'invalidApiKey'), polls: args.count('n') }],
  }),
  'poll.stuck': result(() => ({ lateMs: 'never' })),
  'poll.cost': result(cost),
  'poll.terminal_flip': (args): RunwareScript => ({
    poll: [{ wait: true }, { processing: true, progress: 50, polls: args.count('n', 'forever') }],
  }),
  'poll.empty_data': interruption(() => ({ empty: true })),
  'poll.pending_word': poll((args) => [{ processing: true, word: 'pending', polls: args.count('n') }]),
  'poll.item_error': result((args) => failure(args, 'item')),
  'poll.errors_array': result((args) => failure(args, 'errors')),
  'poll.partial': partial,
  'poll.success_no_asset': result(() => ({ omitAsset: true })),
  'poll.success_nsfw': result((args) => ({ nsfw: true, omitAsset: !args.flag('url', true) })),
  'poll.missing_status_with_asset': result(() => ({ omitStatus: true })),
  'poll.taskNotFound': interruption(() => ({ problem: { code: 'taskNotFound' } }), 'forever'),
  'poll.taskExpired': interruption(() => ({ problem: { code: 'taskExpired' } }), 'forever'),
  'poll.bigint_seed': result((args) => ({ seed: args.text('seed', '9223372036854775807') })),
  'poll.param_array': result((args) => ({
    ...failure(args, 'errors'),
    code: args.text('code', 'missingDimensionParameters'),
    fields: { parameter: ['width', 'height', 'referenceImages'], type: 'integer|array' },
  })),
  'poll.foreign_uuid': poll((args) => [{ foreign: true, polls: args.count('n', 'forever') }]),
  'poll.wrong_task_type': result(() => ({ taskType: 'getResponse' })),
  'poll.duplicate_items': result((args) => ({ copies: args.number('n', 2) })),
  'dl.ok': (args): RunwareScript => ({
    results: [{ type: MediaType.parse(args.text('type', 'video/mp4')), bytes: args.number('size', 0) }],
  }),
} as const satisfies Readonly<Record<string, RunwareFault>>
