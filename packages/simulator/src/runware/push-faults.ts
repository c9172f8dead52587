import { BadFault } from '../fault-args.ts'
import type { RunwareFault, RunwareScript } from './script.ts'

/** Faults of what the provider sends on its own, of its sockets, of uploads and of the account. */
export const RUNWARE_PUSH_FAULTS = {
  'hook.flat': () => ({ hook: {} }),
  'hook.wrapped': () => ({ hook: { wrapped: true } }),
  'hook.duplicate': (args) => ({ hook: { copies: args.number('n', 2) } }),
  'hook.out_of_order': () => ({ hook: { reversed: true } }),
  'hook.before_ack': () => ({ hook: { beforeAck: true } }),
  'hook.lost': () => ({ hook: { lost: true } }),
  'hook.retry_until_2xx': (args): RunwareScript => {
    const retryMs = args.text('schedule', '250,500,1000').split(',').map(Number)
    if (retryMs.some(Number.isNaN)) throw new BadFault('schedule must be a list of milliseconds')
    return { hook: { ignored: args.number('n', 2), retryMs } }
  },
  'hook.processing_notice': () => ({ hook: { processing: true } }),
  'hook.forged': (args) => ({ hook: { forged: args.choice('how', ['token', 'content']) } }),
  'put.ok': () => ({}),
  'put.fail': () => ({ put: 'fail' }),
  'put.zero_bytes': () => ({ put: 'zero' }),
  'ws.bad_key': () => ({ connection: { badKey: true } }),
  'ws.drop_before_ack': () => ({ socket: { drop: 'before_ack' }, create: { accept: false } }),
  'ws.drop_after_accept': () => ({ socket: { drop: 'after_accept' } }),
  'ws.replay_on_session': () => ({ socket: { drop: 'after_accept' } }),
  'ws.no_pong': (args) => ({ connection: { deafPings: args.count('n') } }),
  'ws.idle_close': (args) => ({ connection: { idleMs: args.number('ms', 120_000) } }),
  'ws.split_frames': () => ({ socket: { split: true } }),
  'ws.slow_ack': (args) => ({ socket: { ackDelayMs: args.number('ms', 5000) } }),
  'upload.placeholder_429': () => ({
    match: { taskType: 'imageUpload' },
    create: { problem: { code: 'rateLimitExceeded' }, status: 429 },
  }),
  'upload.no_imageUUID': () => ({ match: { taskType: 'imageUpload' }, create: { data: 'empty' } }),
  'upload.forgotten': () => ({ match: { taskType: 'imageUpload' }, forgotten: 'everything' }),
  'org.ok': () => ({ account: {} }),
  'org.zero_credit': () => ({ account: { balance: 0 } }),
} as const satisfies Readonly<Record<string, RunwareFault>>
