import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startEmbeddedValkey } from './embedded-valkey.ts'
import { ensureRedisServer } from './redis-binary.ts'
import { startRedis } from './redis-process.ts'

async function ask(url: string, ...commands: string[]): Promise<string> {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.write(`${[...commands, 'QUIT'].join('\r\n')}\r\n`)
  return text(socket)
}

async function redisServer(): Promise<string> {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('npm test installs redis-server; run that')
  return binary
}

test('a started redis answers at once, keeps what it acknowledged over a kill, and stop removes its folder', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'genqueue-redis-test-'))
  const options = { binary: await redisServer(), dir, appendonly: true, appendfsync: 'always' } as const
  const first = await startRedis(options)
  expect(await ask(first.url, 'SET a 1')).toContain('+OK')
  await first.kill('SIGKILL')
  const second = await startRedis({ ...options, port: first.port })
  expect(await ask(second.url, 'GET a', 'CONFIG GET maxmemory-policy')).toMatch(/^\$1\r\n1\r\n[\s\S]*noeviction/)
  await second.stop()
  await second.stop()
  expect(existsSync(dir)).toBe(true)
  await rm(dir, { recursive: true })

  const own = await startRedis({ binary: options.binary })
  await own.kill('SIGSTOP')
  await own.stop()
  expect(existsSync(own.dir)).toBe(false)
})

test('a redis that cannot start says why', async () => {
  const binary = await redisServer()
  const running = await startRedis({ binary })
  onTestFinished(running.stop)
  await expect(startRedis({ binary: '/nonexistent/redis-server' })).rejects.toThrow('ENOENT')
  await expect(startRedis({ binary, port: running.port })).rejects.toThrow(/did not start[\s\S]*in use/)
})

test('the embedded Valkey speaks Redis with scripts', async () => {
  const valkey = await startEmbeddedValkey()
  expect(await ask(valkey.url, 'PING', "EVAL \"return redis.call('INCR','a')\" 0")).toContain('+PONG\r\n:1\r\n')
  await valkey.stop()
})

test('a redis whose parent is killed ends, and its folder goes with it', async () => {
  const module = new URL('redis-process.ts', import.meta.url).href
  const program = `const { startRedis } = await import(${JSON.stringify(module)})
    const { pid, dir } = await startRedis({ binary: ${JSON.stringify(await redisServer())} })
    console.log(JSON.stringify({ pid, dir }))`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(parent.stdout, 'data')
  const { pid, dir } = JSON.parse(String(line))
  expect(process.kill(pid, 0)).toBe(true)
  parent.kill('SIGKILL')
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), { timeout: 5_000 })
  await expect.poll(() => existsSync(dir)).toBe(false)
})
