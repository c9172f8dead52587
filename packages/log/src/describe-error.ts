import { scrub } from './scrub.ts'

const MAX_CAUSES = 5

/** What may be said of an error. Its own fields may hold a command's arguments or a request; they stay out. */
export function describeError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error }
  const { name, message, stack, cause } = error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  // The stack begins with the message, which may have any number of lines.
  const frames = stack?.split('\n').filter((line) => /^ {4}at /.test(line))
  return {
    type: name,
    code,
    message: scrub(message.slice(0, 500)),
    stack: frames?.slice(0, 11).join('\n'),
    ...(cause instanceof Error && depth < MAX_CAUSES && { cause: describeError(cause, depth + 1) }),
  }
}
