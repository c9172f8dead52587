import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { type RunwayOptions, type Simulator, startSimulator } from '@genqueue/simulator'
import { startEmbeddedValkey } from './embedded-valkey.ts'
import { freePort } from './free-port.ts'
import { ensureRedisServer } from './redis-binary.ts'
import { startRedis } from './redis-process.ts'
import { ROOT } from './source-files.ts'

const READY_WITHIN_MS = 30_000
/** Loopback only: what runs here may call what runs here. */
const LOOPBACK = '127.0.0.0/8,::1/128'

export type LocalHouse = {
  apiUrl: string
  webhookSecret: string
  /** For clients that always send one; without a key a request is let in here too. */
  apiKey: string
  /** Undefined where the environment holds a vendor key. */
  simulator: Simulator | undefined
  /** What is used, for people to read: Redis, storage, vendor. */
  parts: Record<string, string>
  /** Rejects when one of the processes ends by itself. */
  broken: Promise<never>
  stop(): Promise<void>
}

export type LocalHouseOptions = {
  /** Where outputs and Redis' own files go, below `.data`. */
  name: string
  port?: number
  /** How much faster than the real vendor the simulated world and our waits are. */
  speed: number
  /** Restart the processes when a source file changes. */
  reload: boolean
  simulator?: RunwayOptions
}

/**
 * API and worker as processes of their own, on what the environment gives and on embedded defaults for the rest: Redis
 * (the machine's, else Valkey inside a process), files instead of a bucket, the simulator unless there is a vendor key.
 */
export async function openLocalHouse(options: LocalHouseOptions): Promise<LocalHouse> {
  const closers: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    const redis = await openRedis(closers)
    const storage = await openStorageUrl(options.name)
    const isReal = Boolean(process.env['RUNWAY_API_KEY'] || process.env['RUNWARE_API_KEY'])
    const simulator = isReal ? undefined : await openSimulator(options, closers)
    const webhookSecret = process.env['WEBHOOK_SECRET'] || `whsec_${randomBytes(32).toString('base64')}`
    const apiKey = process.env.ADMIN_API_KEY || `gq_local_${randomBytes(16).toString('hex')}`
    const port = options.port ?? (await freePort())
    const apiUrl = `http://127.0.0.1:${port}`
    const env: Record<string, string | undefined> = {
      ...process.env,
      LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'warn',
      REDIS_URL: redis.url,
      STORAGE_URL: storage,
      PORT: String(port),
      PUBLIC_URL: process.env['PUBLIC_URL'] || apiUrl,
      EGRESS_ALLOW: process.env['EGRESS_ALLOW'] || LOOPBACK,
      WEBHOOK_SECRET: webhookSecret,
      ADMIN_API_KEY: apiKey,
      ENCRYPTION_KEYS: process.env['ENCRYPTION_KEYS'] || redis.encryptionKeys,
      HEALTH_PORT: '0',
      ...(simulator && {
        RUNWAY_API_KEY: simulator.runway.keys[0],
        RUNWAY_BASE_URL: simulator.runway.url,
        RUNWARE_API_KEY: simulator.runware.keys[0],
        RUNWARE_BASE_URL: simulator.runware.url,
        // Only a vendor on this machine can call back here.
        HOOK_SECRET: randomBytes(24).toString('hex'),
        SPEED: String(options.speed),
      }),
    }
    const broken = Promise.race(
      ['api', 'worker'].map((app) => {
        const child = startApp(app, env, options.reload)
        closers.push(() => endApp(child))
        return endedByItself(app, child)
      }),
    )
    broken.catch(() => {})
    await Promise.race([untilReady(apiUrl), broken])
    const vendor = simulator
      ? `Runway and Runware simulated, ${options.speed} times as fast (set RUNWAY_API_KEY or RUNWARE_API_KEY for the real ones)`
      : 'those whose keys are set'
    return { apiUrl, apiKey, webhookSecret, simulator, parts: { redis: redis.name, storage, vendor }, broken, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A key to encrypt with only where Redis begins empty: what another one holds would be lost with it at the next start. */
async function openRedis(
  closers: (() => Promise<unknown>)[],
): Promise<{ url: string; name: string; encryptionKeys?: string }> {
  const given = process.env['REDIS_URL']
  if (given) return { url: given, name: new URL(given).host }
  const binary = await ensureRedisServer({ install: false })
  const server = binary ? await startRedis({ binary, appendonly: true }) : await startEmbeddedValkey()
  closers.push(() => server.stop())
  return {
    url: server.url,
    encryptionKeys: `local:${randomBytes(32).toString('base64')}`,
    name: binary ? `${binary}, a process of its own` : 'Valkey inside a process (no Redis here)',
  }
}

async function openStorageUrl(name: string): Promise<string> {
  const given = process.env['STORAGE_URL']
  if (given) return given
  const folder = join(ROOT, '.data', name)
  await mkdir(folder, { recursive: true })
  return pathToFileURL(folder).href
}

async function openSimulator(options: LocalHouseOptions, closers: (() => Promise<unknown>)[]): Promise<Simulator> {
  const simulator = await startSimulator({
    clock: { speed: options.speed },
    ...(options.simulator && { runway: options.simulator }),
  })
  closers.push(() => simulator.close())
  return simulator
}

function startApp(app: string, env: Record<string, string | undefined>, reload: boolean): ChildProcess {
  const main = join(ROOT, 'apps', app, 'src', 'main.ts')
  const flags = ['--disable-warning=ExperimentalWarning', ...(reload ? ['--watch', '--watch-preserve-output'] : [])]
  return spawn(process.execPath, [...flags, main], { env, cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
}

async function endApp(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

async function endedByItself(app: string, child: ChildProcess): Promise<never> {
  const [code, signal] = await once(child, 'exit')
  throw new Error(`the ${app} ended (${signal ?? `exit code ${code}`}); the lines above say why`)
}

async function untilReady(apiUrl: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS
  for (;;) {
    const ready = await fetch(`${apiUrl}/readyz`).catch(() => undefined)
    if (ready?.ok) return
    if (Date.now() > deadline) throw new Error(`the API was not ready within ${READY_WITHIN_MS / 1000} s`)
    await delay(100)
  }
}
