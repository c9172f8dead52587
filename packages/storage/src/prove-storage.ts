import { randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import type { Storage } from './storage.ts'
import { StorageError } from './storage-error.ts'

/** Writes, reads and deletes a small object; two processes that do so at once do not meet. */
export async function proveStorage(storage: Storage, signal: AbortSignal): Promise<void> {
  const key = `checks/${randomUUID()}`
  const content = Buffer.from(key)
  await storage.put(key, once(content), { contentType: 'text/plain', maxBytes: content.length, signal })
  try {
    const object = await storage.get(key, { signal })
    if (object === undefined || !content.equals(await buffer(object.body))) {
      throw new StorageError('unavailable', 'The storage did not give back what was just written')
    }
  } finally {
    await storage.delete(key)
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
