import type { Storage } from '@genqueue/storage'
import type { Logger } from 'pino'
import type { StoredFiles } from './stored-files.ts'

const EVERY_MS = 60_000

/** Deletes expired files now and then until stopped; what fails is tried again the next time. */
export function sweepFiles({ files, storage, log }: { files: StoredFiles; storage: Storage; log: Logger }) {
  let running = Promise.resolve()
  const sweep = async () => {
    try {
      const count = await files.sweep(Date.now(), (key) => storage.delete(key))
      if (count > 0) log.info({ count }, 'expired files deleted')
    } catch (err) {
      log.warn({ err }, 'deleting expired files failed')
    }
  }
  const timer = setInterval(() => {
    running = running.then(sweep)
  }, EVERY_MS)
  return async () => {
    clearInterval(timer)
    await running
  }
}
