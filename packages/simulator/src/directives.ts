import type { FaultArgs } from './fault-args.ts'

const DIRECTIVE = /\[\[sim:([^\]]+)\]\]/g
const ARGUMENT = /(\w+)=(?:"([^"]*)"|(\S+))/g
const MARKER = /\[\[(?!sim:)[^\]]+\]\]/

/** A fault as a prompt or a header asks for it: `poll.failed code=INTERNAL`. */
export interface FaultCall {
  /** The text that asked. */
  readonly text: string
  readonly id: string
  readonly args: FaultArgs
}

/** The faults that a prompt asks for with `[[sim:…]]`. */
export function faultCallsIn(prompt: string): FaultCall[] {
  if (!prompt.includes('[[sim:')) return []
  return [...prompt.matchAll(DIRECTIVE)].map(([text, content = '']) => ({ ...readFaultCall(content), text }))
}

export function readFaultCall(text: string): FaultCall {
  const [id = ''] = text.trim().split(/\s+/, 1)
  const args: Record<string, FaultArgs[string]> = {}
  for (const [, name = '', quoted, plain] of text.matchAll(ARGUMENT)) args[name] = quoted ?? plain
  return { text, id, args }
}

/** What ties a create to the caller's own job: the first `[[…]]` that is no directive, else the prompt. */
export function markerIn(prompt: string): string | undefined {
  return prompt.match(MARKER)?.[0] ?? (prompt === '' ? undefined : prompt)
}
