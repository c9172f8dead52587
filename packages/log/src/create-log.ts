import { type DestinationStream, type Logger, pino } from 'pino'
import { describeError } from './describe-error.ts'
import { scrub } from './scrub.ts'

/** Fields that must never be printed, wherever an object with them is logged by mistake: the last net, not the first. */
const NEVER = ['authorization', 'cookie', 'password', 'secret', 'key', 'apiKey', 'x-api-key', 'x-bf-vk', 'body', 'args']
const redact = {
  paths: NEVER.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]),
  censor: '[redacted]',
}
const FLUSH_MS = 250
/** What says of a line what it is. A field of the same name would come after it, and the last one counts. */
const OURS: readonly string[] = ['level', 'time', 'msg', 'service', 'pid']

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
      formatters: { level: (label) => ({ level: label }), log: withoutForgeries },
      redact,
      // `detail` is what a vendor or a receiver said.
      serializers: { err: describeError, error: describeError, detail: scrubbed },
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

function withoutForgeries(fields: Record<string, unknown>): Record<string, unknown> {
  if (!OURS.some((name) => name in fields)) return fields
  const entries = Object.entries(fields)
  const own = entries.filter(([name]) => !OURS.includes(name))
  return { ...Object.fromEntries(own), fields: Object.fromEntries(entries.filter(([name]) => OURS.includes(name))) }
}

function scrubbed(value: unknown): unknown {
  return typeof value === 'string' ? scrub(value) : value
}
