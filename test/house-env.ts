import { randomBytes } from 'node:crypto'
import type { Simulator } from '@genqueue/simulator'

export const ADMIN_KEY = 'gq_admin_0123456789abcdef0123456789'
export const OTHER_TEAM_KEY = 'gq_other_0123456789abcdef0123456789'
export const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

/** What API and workers are told so that the simulator is all the world they know; under a key prefix of its own. */
export function houseEnv(simulator: Simulator, { redisUrl, speed }: { redisUrl: string; speed: number }) {
  const { store, runway, runware } = simulator
  const env: Record<string, string> = {
    NODE_ENV: 'test',
    PUBLIC_URL: 'https://queue.example',
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
    REDIS_URL: redisUrl,
    KEY_PREFIX: `{t${randomBytes(4).toString('hex')}}`,
    STORAGE_URL: `s3://${store.bucket}/genqueue`,
    S3_ENDPOINT: store.url,
    S3_FORCE_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: store.accessKeyId,
    AWS_SECRET_ACCESS_KEY: store.secretAccessKey,
    AWS_REGION: store.region,
    WEBHOOK_SECRET,
    RUNWAY_API_KEY: runway.keys.join(','),
    RUNWAY_BASE_URL: runway.url,
    RUNWARE_API_KEY: runware.keys.join(','),
    RUNWARE_BASE_URL: runware.url,
    EGRESS_ALLOW: '127.0.0.0/8',
    ADMIN_API_KEY: ADMIN_KEY,
    API_KEYS: `other=${OTHER_TEAM_KEY}`,
    SPEED: String(speed),
    SUBMIT_TIMEOUT_MS: '1000',
    RECONCILE_INTERVAL_MS: '500',
    POLL_TIMEOUT_MS: '1000',
    WAIT_TIMEOUT_MS: '3000',
    WEBHOOK_TIMEOUT_MS: '2000',
    PORT: '0',
    HEALTH_PORT: '0',
  }
  return env
}

/** The AWS SDK reads its own variables from the process. */
export function giveToAwsSdk(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) if (name.startsWith('AWS_')) process.env[name] = value
}
