import { type DestinationStream, type Logger, pino } from 'pino'
import { describeError } from './describe-error.ts'

/** Fields that must never be printed, wherever an object with them is logged by mistake: the last net, not the first. */
const NEVER = ['authorization', 'cookie', 'password', 'secret', 'key', 'apiKey', 'x-api-key', 'x-bf-vk', 'body', 'args']
const redact = {
  paths: NEVER.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]),
  censor: '[redacted]',
}
const FLUSH_MS = 250

export type OpenLog = {
  log: Logger
  /** Writes what is left; call it before the process ends. */
  close(): void
}

/** One JSON line an event, on stdout unless told otherwise, written behind the event loop's back. */
export function createLog(options: { service: string; level: string; destination?: DestinationStream }): OpenLog {
  const { service, level, destination } = options
  const stdout = destination ? undefined : pino.destination({ dest: 1, sync: false, minLength: 4096 })
  const flushTimer = setInterval(() => stdout?.flush(), FLUSH_MS).unref()
  const log = pino(
    {
      level,
      base: { service, pid: process.pid },
      formatters: { level: (label) => ({ level: label }) },
      redact,
      serializers: { err: describeError },
    },
    destination ?? stdout ?? pino.destination(1),
  )
  return {
    log,
    close() {
      clearInterval(flushTimer)
      stdout?.flushSync()
    },
  }
}
