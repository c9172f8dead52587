import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { ensureRedisServer } from '../../scripts/redis-binary.ts'
import { type RedisProcess, startRedis } from '../../scripts/redis-process.ts'
import type { Child } from './child.ts'
import { pin } from './cores.ts'

export type Appendfsync = 'always' | 'everysec'

/** A Redis of its own with an append-only file, and a folder that goes with it. */
export type Stand = {
  url: string
  dir: string
  redis: Redis
  /** Kills the server and starts it again on the same port with the same data. */
  kill(): Promise<void>
  restart(): Promise<void>
  stop(): Promise<void>
}

export async function openStand({ appendfsync = 'everysec' }: { appendfsync?: Appendfsync } = {}): Promise<Stand> {
  const binary = await ensureRedisServer({ install: true })
  if (binary === undefined) throw new Error('there is no redis-server')
  const dir = await mkdtemp(join(tmpdir(), 'genqueue-bench-'))
  const removeDir = () => rmSync(dir, { recursive: true, force: true })
  // Also when the bench is interrupted; the server then ends by itself.
  process.once('exit', removeDir)
  let server: RedisProcess
  const launch = async (port?: number) => {
    server = await startRedis({ binary, dir, appendonly: true, appendfsync, ...(port !== undefined && { port }) })
    pin('others', server.pid)
    return server
  }
  const { url, port } = await launch()
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 20 })
  redis.on('error', () => {})
  // A rewrite of the file in the middle of a measurement would be measured too.
  await redis.config('SET', 'auto-aof-rewrite-percentage', '0')
  return {
    url,
    dir,
    redis,
    kill: () => server.kill('SIGKILL'),
    async restart() {
      await launch(port)
    },
    async stop() {
      redis.disconnect()
      await server.stop()
      removeDir()
      process.off('exit', removeDir)
    },
  }
}

type Measured<Value> = {
  value: Value
  seconds: number
  /** CPU of the measured process and of Redis while the work ran. */
  nodeUs: number
  redisUs: number
  commands: number
}

/** What a piece of work costs a process and Redis. */
export async function measure<Value>(child: Child, { redis }: Stand, work: () => Promise<Value>) {
  const startedMs = performance.now()
  const [usageBefore, redisBefore] = await Promise.all([child.usage(), meter(redis)])
  const value = await work()
  const [usage, redisAfter] = await Promise.all([child.usage(), meter(redis)])
  const measured: Measured<Value> = {
    value,
    seconds: (performance.now() - startedMs) / 1000,
    nodeUs: usage.cpuUs - usageBefore.cpuUs,
    redisUs: redisAfter.cpuUs - redisBefore.cpuUs,
    commands: redisAfter.commands - redisBefore.commands,
  }
  return measured
}

async function meter(redis: Redis): Promise<{ cpuUs: number; commands: number }> {
  const text = (await Promise.all([redis.info('cpu'), redis.info('stats')])).join('\n')
  const field = (name: string) => Number(new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1] ?? Number.NaN)
  const cpuUs = (field('used_cpu_user') + field('used_cpu_sys')) * 1e6
  return { cpuUs, commands: field('total_commands_processed') }
}
