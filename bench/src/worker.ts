import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../scripts/free-port.ts'
import { answersOk, type Child } from './child.ts'
import { VENDOR_KEY } from './fill-in-flight.ts'
import type { Scope } from './scope.ts'
import type { Stand } from './stand.ts'

export type WorkerOptions = {
  vendorUrl: string
  /** Divides the vendor's five seconds between two looks. */
  speed?: number
  env?: Record<string, string>
  /** Default: the worker's own entry. */
  script?: string
}

/** A worker process on the measured core; resolves when it takes jobs. */
export async function startWorker(scope: Scope, stand: Stand, options: WorkerOptions): Promise<Child> {
  const { vendorUrl, speed = 1, env = {}, script = 'apps/worker/src/main.ts' } = options
  const storage = join(stand.dir, 'storage')
  await mkdir(storage, { recursive: true })
  const healthPort = env.HEALTH_PORT ?? (await freePort())
  const child = scope.child({
    script,
    core: 'measured',
    env: {
      // Production refuses another speed than 1.
      NODE_ENV: speed === 1 ? 'production' : 'test',
      LOG_LEVEL: 'warn',
      REDIS_URL: stand.url,
      STORAGE_URL: `file://${storage}`,
      WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
      PUBLIC_URL: 'https://queue.example',
      RUNWAY_API_KEY: VENDOR_KEY,
      RUNWAY_BASE_URL: vendorUrl,
      EGRESS_ALLOW: '127.0.0.0/8',
      SPEED: String(speed),
      HEALTH_PORT: String(healthPort),
      ...env,
    },
  })
  await answersOk(`http://127.0.0.1:${healthPort}/readyz`, child)
  return child
}
