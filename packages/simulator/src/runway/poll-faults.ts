import { MediaType } from '../assets/media.ts'
import { type Args, BadFault, errorReply, htmlPage } from '../fault-args.ts'
import type { Fault, PollStep, Script } from './script.ts'

const poll =
  (steps: (args: Args) => PollStep[]): Fault =>
  (args) => ({ poll: steps(args) })

/** How the task ends when its regular time is over, or at the next GET with `now=true`. */
const ending =
  (step: (args: Args) => PollStep): Fault =>
  (args) => ({ poll: [{ ...step(args), wait: !args.flag('now', false) }] })

/** Answers in place of `n` GETs, after `after` regular ones. */
const interruption =
  (reply: (args: Args) => PollStep, polls: number | 'forever' = 1): Fault =>
  (args) => {
    const after = args.number('after', 0)
    const step = { ...reply(args), polls: args.count('n', polls) }
    return { poll: after > 0 ? [{ polls: after }, step] : [step] }
  }

function progressList(args: Args): (number | null)[] {
  const words = args.text('list', '0,missing,0.45,0.45,0.2,1,1.7').split(',')
  return words.map((word) => {
    if (word === 'missing') return null
    const value = Number(word)
    if (!Number.isFinite(value)) throw new BadFault(`list holds "${word}", which is neither a number nor "missing"`)
    return value
  })
}

/** `code` is any failure code, `null` to send null, `missing` to leave it out. */
function failed(args: Args): PollStep {
  const code = args.text('code', 'INTERNAL')
  const failure = args.text('failure', 'An unexpected error occurred.')
  return {
    status: 'FAILED',
    failure: failure === 'missing' ? null : failure,
    ...(code === 'missing' ? {} : { failureCode: code === 'null' ? null : code }),
  }
}

function noOutput(args: Args): PollStep {
  const how = args.choice('how', ['empty', 'missing', 'blank', 'null'])
  if (how === 'missing') return { status: 'SUCCEEDED', omitOutput: true }
  return { status: 'SUCCEEDED', output: how === 'empty' ? [] : how === 'blank' ? [''] : null }
}

function manyOutputs(args: Args): PollStep {
  const types = args.text('types', 'video/mp4,image/png,audio/wav').split(',')
  const count = args.number('n', types.length)
  const outputs = Array.from({ length: count }, (_, index) => ({ type: MediaType.parse(types[index % types.length]) }))
  return { status: 'SUCCEEDED', outputs }
}

function cost(args: Args): PollStep {
  const value = args.text('cost', '1')
  return { status: 'SUCCEEDED', cost: value === 'missing' ? null : args.number('cost', 1) }
}

export const POLL_FAULTS = {
  'poll.throttled': poll((args) => [{ status: 'THROTTLED', polls: args.count('n') }]),
  'poll.throttled_forever': poll(() => [{ status: 'THROTTLED', polls: 'forever' }]),
  'poll.progress': poll((args) => [{ status: 'RUNNING', progress: progressList(args) }]),
  'poll.status_flap': poll(() => [
    { status: 'RUNNING', progress: 0.4 },
    { status: 'PENDING' },
    { status: 'RUNNING', progress: 0.1 },
  ]),
  'poll.unknown_status': poll((args) => [{ status: args.text('status', 'FOO'), polls: args.count('n') }]),
  'poll.status_lowercase': (): Script => ({ lowercaseStatus: true }),
  'poll.canceled_spelling': ending(() => ({ status: 'CANCELED' })),
  'poll.404_lag': interruption(() => ({ http: 404, body: { error: 'Could not find Task' } })),
  'poll.404_forever': interruption(() => ({ http: 404, body: { error: 'Could not find Task' } }), 'forever'),
  'poll.5xx': interruption((args) => errorReply(args, args.number('status', 503), 'Service Unavailable')),
  'poll.429': interruption((args) => errorReply(args, 429, 'Too Many Requests')),
  'poll.hang': interruption(() => ({ fate: 'hang' })),
  'poll.drop': interruption(() => ({ fate: 'drop' })),
  'poll.html': interruption(() => ({ http: 200, ...htmlPage() })),
  'poll.truncated': interruption((args) => ({
    fate: args.choice('how', ['json', 'socket']) === 'json' ? 'truncate' : 'cut',
  })),
  'poll.401_midway': (args): Script => ({
    poll: [
      { polls: args.number('after', 1) },
      { ...errorReply(args, 401, 'The API key is not valid.'), polls: args.count('n') },
    ],
  }),
  'poll.stuck': poll((args) => [{ status: 'RUNNING', progress: args.number('progress', 0.5), polls: 'forever' }]),
  'poll.failed': ending(failed),
  'poll.cancelled': ending(() => ({ status: 'CANCELLED' })),
  'poll.succeeded_no_output': ending(noOutput),
  'poll.succeeded_multi': ending(manyOutputs),
  'poll.cost': ending(cost),
  'poll.terminal_flip': (args): Script => ({
    poll: [
      { status: 'SUCCEEDED', wait: !args.flag('now', false) },
      { status: 'RUNNING', progress: 0.5, polls: args.count('n', 'forever') },
    ],
  }),
  'poll.fresh_urls': (): Script => ({}),
} as const satisfies Readonly<Record<string, Fault>>

/** Says what the task makes; the other download faults bend only how it is served. */
export const OUTPUT_FAULTS = {
  'dl.ok': (args): Script => ({
    poll: [
      {
        status: 'SUCCEEDED',
        wait: true,
        outputs: [{ type: MediaType.parse(args.text('type', 'video/mp4')), bytes: args.number('size', 0) }],
      },
    ],
  }),
} as const satisfies Readonly<Record<string, Fault>>
