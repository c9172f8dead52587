import { type Keys, Outbox } from '@genqueue/jobs'
import type { Redis } from 'ioredis'
import type { WorkerConfig } from './config.ts'

const CIRCUIT_FIRST_MS = 30_000
const CIRCUIT_LONGEST_MS = 600_000
const GIVE_UP_MS = 5 * 86_400_000

/** The outbox, with its planned waits divided by the configured speed. */
export function openOutbox(
  { SPEED, WEBHOOK_WINDOW }: Pick<WorkerConfig, 'SPEED' | 'WEBHOOK_WINDOW'>,
  deps: { redis: Redis; keys: Keys },
): Outbox {
  return new Outbox({
    ...deps,
    maxWindow: WEBHOOK_WINDOW,
    circuitFirstMs: CIRCUIT_FIRST_MS / SPEED,
    circuitLongestMs: CIRCUIT_LONGEST_MS / SPEED,
    giveUpMs: GIVE_UP_MS / SPEED,
  })
}
