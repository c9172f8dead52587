/** What may be said of an error. Its own fields may hold a command's arguments or a request; they stay out. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error }
  const { name, message, stack, cause } = error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return {
    type: name,
    code,
    message: message.slice(0, 500),
    stack: stack?.split('\n').slice(1, 12).join('\n'),
    ...(cause instanceof Error && { cause: describeError(cause) }),
  }
}
