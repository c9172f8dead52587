import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../scripts/free-port.ts'
import { answersOk, type Child } from './child.ts'
import type { Scope } from './scope.ts'
import type { Stand } from './stand.ts'

const API_KEY = 'gq_bench_0123456789abcdef01234567'
export const API_HEADERS = { authorization: `Bearer ${API_KEY}` }

export type Api = { child: Child; port: number; url: string }

/** The API as it runs in production, on the measured core. */
export async function startApi(scope: Scope, stand: Stand, env: Record<string, string> = {}): Promise<Api> {
  const port = await freePort()
  const storage = join(stand.dir, 'storage')
  await mkdir(storage, { recursive: true })
  const child = scope.child({
    script: 'apps/api/src/main.ts',
    core: 'measured',
    env: {
      NODE_ENV: 'production',
      LOG_LEVEL: 'warn',
      REDIS_URL: stand.url,
      STORAGE_URL: `file://${storage}`,
      HOST: '127.0.0.1',
      PORT: String(port),
      PUBLIC_URL: 'https://queue.example',
      ADMIN_API_KEY: API_KEY,
      ...env,
    },
  })
  const url = `http://127.0.0.1:${port}`
  await answersOk(`${url}/readyz`, child)
  return { child, port, url }
}
