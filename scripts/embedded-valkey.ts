import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'
import { pingRedis } from './ping-redis.ts'

const CHILD = fileURLToPath(new URL('valkey-child.mjs', import.meta.url))

export type EmbeddedValkey = { url: string; stop(): Promise<void> }

/**
 * Valkey as WebAssembly in a process of its own (it occupies its event loop): for a demo where no redis-server can be
 * had. It keeps nothing on disk and is slow, so never for a measurement or a test of durability.
 */
export async function startEmbeddedValkey(): Promise<EmbeddedValkey> {
  const port = await freePort()
  const child = fork(CHILD, [String(port)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: ['--no-warnings'] })
  let errors = ''
  child.stderr?.on('data', (chunk) => {
    errors = (errors + chunk).slice(-4_000)
  })
  const exited = once(child, 'exit')
  let hasEnded = false
  void exited.then(() => {
    hasEnded = true
  })
  // The library reports a start before its port is open.
  while ((await pingRedis(port)) === undefined) {
    if (hasEnded) throw new Error(`The embedded Valkey did not start on port ${port}:\n${errors}`)
    await delay(20)
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      // The child ends when its channel closes, so it cannot outlive a parent that was killed either.
      if (child.connected) child.disconnect()
      await exited
    },
  }
}
