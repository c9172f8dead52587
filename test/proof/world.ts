import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Simulator, startSimulator } from '@genqueue/simulator'
import { ensureRedisServer } from '../../scripts/redis-binary.ts'
import { type RedisOptions, type RedisProcess, startRedis } from '../../scripts/redis-process.ts'
import { giveToAwsSdk, houseEnv } from '../house-env.ts'

/** Locks, leases and looks are over soon, so that what a dead process held comes back within seconds. */
const QUICK = {
  LOCK_DURATION_MS: '700',
  STALLED_INTERVAL_MS: '300',
  SUBMIT_TIMEOUT_MS: '2000',
  POLL_TIMEOUT_MS: '1000',
  // Its third attempt would come after a minute: a busy machine must not lose the first two.
  WEBHOOK_TIMEOUT_MS: '1500',
  RECONCILE_INTERVAL_MS: '300',
  RECONCILE_AFTER_MS: '1500',
  IMAGE_WAIT_SECONDS: '30',
}
const SPEED = 4

/** The outside: one Redis, one simulator and a folder for what children write. Runs in it have prefixes of their own. */
export type World = {
  redis: RedisProcess
  simulator: Simulator
  folder: string
  /** For a run that keeps its jobs, objects and webhooks under its name. */
  env(run: string, more?: Record<string, string>): Record<string, string>
  close(): Promise<void>
}

export async function openWorld(
  options: { redis?: Omit<RedisOptions, 'binary'>; speed?: number; minOutputBytes?: number } = {},
): Promise<World> {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('there is no redis-server; npm test installs one')
  const { minOutputBytes = 200_000 } = options
  const folder = await mkdtemp(join(tmpdir(), 'genqueue-proof-'))
  const redis = await startRedis({ binary, ...options.redis })
  const simulator = await startSimulator({
    clock: { speed: 100 },
    runway: { concurrency: null, minOutputBytes },
    runware: { minOutputBytes },
  })
  const base = houseEnv(simulator, { redisUrl: redis.url, speed: options.speed ?? SPEED })
  giveToAwsSdk(base)
  return {
    redis,
    simulator,
    folder,
    env: (run, more = {}) => ({
      ...base,
      ...QUICK,
      KEY_PREFIX: `{${createHash('sha1').update(run).digest('hex').slice(0, 12)}}`,
      STORAGE_URL: `s3://${simulator.store.bucket}/${run}`,
      ...more,
    }),
    async close() {
      await simulator.close()
      await redis.stop()
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    },
  }
}
