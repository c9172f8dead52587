/** The part of a pino logger that the worker's own code uses: one event, a constant message, the ids in fields. */
export type Log = {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
