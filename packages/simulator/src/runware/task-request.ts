/** One element of the array that every request is. */
export type TaskRequest = Readonly<Record<string, unknown>>

export function isRecord(value: unknown): value is TaskRequest {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The field if it is text, else an empty one. */
export function textIn(request: TaskRequest, field: string): string {
  const value = request[field]
  return typeof value === 'string' ? value : ''
}

/** Wherever a task type keeps the words it starts from. */
export function promptIn(request: TaskRequest): string {
  return (
    textIn(request, 'positivePrompt') ||
    textIn(request, 'prompt') ||
    (isRecord(request.speech) ? textIn(request.speech, 'text') : '')
  )
}

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i

export function isUuidV4(value: unknown): value is string {
  return typeof value === 'string' && UUID_V4.test(value)
}
