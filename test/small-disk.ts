import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { ensureRedisServer } from '../scripts/redis-binary.ts'
import { startRedis } from '../scripts/redis-process.ts'

const run = promisify(execFile)
const DISK_BYTES = 2 * 1024 * 1024

/** A Redis with a file system of 2 MB for itself, where one may be mounted; otherwise one whose folder can be lost. */
export type RedisOnSmallDisk = {
  url: string
  /** Redis answers MISCONF from now on. */
  fill(): Promise<void>
  free(): Promise<void>
  close(): Promise<void>
}

export async function openRedisOnSmallDisk(): Promise<RedisOnSmallDisk> {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  const folder = await mkdtemp(join(tmpdir(), 'genqueue-small-'))
  const isMounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'genqueue', folder]).then(
    () => true,
    () => false,
  )
  const server = await startRedis({ binary, dir: folder, appendonly: isMounted })
  const admin = new Redis(server.url)
  admin.on('error', () => {})
  const answer = () => admin.ping().catch((error: unknown) => String(error))
  const ballast = join(folder, 'ballast')
  return {
    url: server.url,
    async fill() {
      if (isMounted) {
        await writeFile(ballast, Buffer.alloc(DISK_BYTES)).catch(() => {})
        // It learns of it when it writes.
        await admin.set('small', 'x'.repeat(8_192), 'PX', 1_000)
      } else {
        await rm(folder, { recursive: true })
        await admin.config('SET', 'save', '3600 1')
        await admin.bgsave()
      }
      await expect.poll(answer, { interval: 20, timeout: 5_000 }).toContain('MISCONF')
    },
    async free() {
      await (isMounted ? rm(ballast) : admin.config('SET', 'save', ''))
      await expect.poll(answer, { interval: 20, timeout: 5_000 }).toBe('PONG')
    },
    async close() {
      admin.disconnect()
      await server.stop()
      if (isMounted) await run('umount', [folder])
      await rm(folder, { recursive: true, force: true })
    },
  }
}
