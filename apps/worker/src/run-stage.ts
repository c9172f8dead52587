import { setTimeout as sleep } from 'node:timers/promises'
import type { Keys, Message, QueueName } from '@genqueue/jobs'
import type { Meter } from '@genqueue/metrics'
import { DelayedError, type Job, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Log } from './log.ts'
import { backoffMs } from './pace.ts'
import type { StageOutcome } from './stages/outcome.ts'

export type StageRunnerDeps = {
  redis: Redis
  keys: Keys
  lockDurationMs: number
  stalledIntervalMs: number
  log: Log
  meter?: Meter
  now: () => number
  random: () => number
  /** For how long closing may take once nothing is in hand. */
  closesWithinMs?: number
}

export type StageRun = (id: string) => Promise<StageOutcome>

/** What BullMQ needs to put down messages that are done, and to leave its connections. */
const CLOSES_WITHIN_MS = 3_000
const LOOK_EVERY_MS = 100

/**
 * The only place that knows both stages and BullMQ. A stage says what happened; a snooze puts its message back for
 * later without spending an attempt, and so does an error, with growing delay: a message is never "failed", because
 * the record decides when a job has had enough.
 */
export function createStageRunner(
  queue: QueueName,
  concurrency: number,
  run: StageRun,
  deps: StageRunnerDeps,
): Worker<Message> {
  const {
    redis,
    keys,
    lockDurationMs,
    stalledIntervalMs,
    log,
    meter,
    now,
    random,
    closesWithinMs = CLOSES_WITHIN_MS,
  } = deps
  let inHand = 0
  // Two parameters: BullMQ passes an abort signal as a third only to a function that declares it.
  const process = async (message: Job<Message>, token?: string) => {
    inHand += 1
    try {
      await runOne(message, token)
    } finally {
      inHand -= 1
    }
  }
  const runOne = async (message: Job<Message>, token: string | undefined) => {
    const startedMs = now()
    const outcome = await run(message.data.id).catch((error): StageOutcome => {
      log.error({ err: error, jobId: message.data.id, queue }, 'stage threw')
      return { kind: 'snooze', delayMs: backoffMs(message.attemptsStarted, 500, 60_000, random()), note: 'error' }
    })
    const { kind, note } = outcome
    const fields = { jobId: message.data.id, queue, outcome: kind, note, durationMs: now() - startedMs }
    log.debug(fields, 'stage ran')
    meter?.count('stage_runs_total', { queue, outcome: note === 'error' ? 'error' : kind })
    if (outcome.kind === 'done') return
    await message.moveToDelayed(now() + outcome.delayMs, token)
    throw new DelayedError()
  }
  const worker = new Worker<Message>(queue, process, {
    connection: redis,
    prefix: keys.bullmq,
    concurrency,
    lockDuration: lockDurationMs,
    stalledInterval: stalledIntervalMs,
    // A process that stands still may be the one that is told of a message; the others look again after so many seconds.
    drainDelay: 1,
    // The default fails a message at its second crash, behind our back.
    maxStalledCount: 1000,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
    autorun: false,
  })
  worker.on('error', (error) => log.error({ err: error, queue }, 'queue error'))
  worker.on('stalled', (id) => {
    log.warn({ messageId: id, queue }, 'message of a vanished worker returned')
    meter?.count('messages_stalled_total', { queue })
  })
  const close = worker.close.bind(worker)
  worker.close = (force) => Promise.race([close(force), isLeft(() => inHand, closesWithinMs)])
  return worker
}

/**
 * Resolves some time after nothing is in hand any more. A connection of BullMQ's that was lost, and is not back when it
 * closes, keeps it waiting for ever (6.7.0); what it may not have put down returns as any message of a vanished worker.
 */
async function isLeft(inHand: () => number, afterMs: number): Promise<void> {
  for (let idleMs = 0; idleMs < afterMs; idleMs = inHand() === 0 ? idleMs + LOOK_EVERY_MS : 0) {
    await sleep(LOOK_EVERY_MS, undefined, { ref: false })
  }
}
