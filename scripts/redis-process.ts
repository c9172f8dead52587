import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from './free-port.ts'
import { pingRedis } from './ping-redis.ts'

const READY_WITHIN_MS = 10_000
const STOP_WITHIN_MS = 5_000
const PORT_ATTEMPTS = 3

export type RedisOptions = {
  binary: string
  /** Kept by `stop()`. Default: a temporary folder of its own, removed by `stop()`. */
  dir?: string
  /** Default: a free one. */
  port?: number
  appendonly?: boolean
  appendfsync?: 'always' | 'everysec' | 'no'
}

export type RedisProcess = {
  url: string
  port: number
  dir: string
  pid: number
  /** Resolves when the process has ended; at once for SIGSTOP and SIGCONT. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Idempotent. */
  stop(): Promise<void>
}

/** A redis-server of its own on loopback, answering PING. It ends with this process if it is not stopped before. */
export async function startRedis(options: RedisOptions): Promise<RedisProcess> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'genqueue-redis-')))
  const removeDir = async () => {
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true })
  }
  try {
    const { child, pid, port } = await launch(options, dir)
    endWithUs(child, pid, options.dir === undefined ? dir : undefined)
    return { url: `redis://127.0.0.1:${port}`, port, dir, pid, ...controls(child, removeDir) }
  } catch (error) {
    await removeDir()
    throw error
  }
}

/** Between finding a free port and using it somebody else may take it: then another one is tried. */
async function launch(options: RedisOptions, dir: string) {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort())
    const child = spawn(options.binary, argumentsFor(options, dir, port), { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4_000)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    const failed = once(child, 'error').then(([error]) => (output += String(error)))
    if (await answersPing(child, port)) {
      if (child.pid !== undefined) return { child, pid: child.pid, port }
    }
    child.kill('SIGKILL')
    await Promise.race([failed, child.exitCode ?? child.signalCode ?? once(child, 'exit')])
    if (options.port !== undefined || attempt === PORT_ATTEMPTS) {
      throw new Error(`${options.binary} did not start on port ${port}:\n${output}`)
    }
  }
}

function argumentsFor({ appendonly = false, appendfsync = 'everysec' }: RedisOptions, dir: string, port: number) {
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    save: '',
    appendonly: appendonly ? 'yes' : 'no',
    appendfsync,
    'maxmemory-policy': 'noeviction',
  }
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
}

async function answersPing(child: ChildProcess, port: number): Promise<boolean> {
  const deadline = performance.now() + READY_WITHIN_MS
  while (performance.now() < deadline && child.pid !== undefined && child.exitCode === null) {
    // Somebody else's server may answer on a port that was taken meanwhile.
    if ((await pingRedis(port)) === child.pid) return true
    await delay(10)
  }
  return false
}

function controls(child: ChildProcess, removeDir: () => Promise<void>) {
  const exited = once(child, 'exit')
  return {
    async kill(signal: NodeJS.Signals) {
      child.kill(signal)
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await exited
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM')
        child.kill('SIGCONT')
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
        await exited
        clearTimeout(timer)
      }
      await removeDir()
    },
  }
}

/** Ends the server, and removes what was to be removed, once this process is gone, even by SIGKILL. */
function endWithUs(child: ChildProcess, pid: number, ownDir: string | undefined): void {
  const script = 'read _; kill -9 "$1"; [ -z "$2" ] || rm -rf "$2"'
  const watcher = spawn('/bin/sh', ['-c', script, 'sh', String(pid), ownDir ?? ''], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watcher.unref()
  child.once('exit', () => watcher.kill('SIGKILL'))
}
