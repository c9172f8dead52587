import { z } from 'zod'
import { parseJson } from '../exchange.ts'
import { BadFault, type FaultArgs } from './fault-args.ts'
import { faultScript } from './faults.ts'
import { Script } from './script.ts'

const DIRECTIVE = /\[\[sim:([^\]]+)\]\]/g
const ARGUMENT = /(\w+)=(?:"([^"]*)"|(\S+))/g
const MARKER = /\[\[(?!sim:)[^\]]+\]\]/

/** The scripts that a prompt asks for, each with the text that asked. */
export function directivesIn(prompt: string): { text: string; script: Script }[] {
  if (!prompt.includes('[[sim:')) return []
  return [...prompt.matchAll(DIRECTIVE)].map(([text, content = '']) => ({ text, script: faultByText(content) }))
}

/** The script that the header names: JSON, or the text that would stand in a directive. */
export function scriptFromHeader(value: string): Script {
  if (!value.startsWith('{')) return faultByText(value)
  const parsed = Script.safeParse(parseJson(value))
  if (!parsed.success) throw new BadFault(`x-sim-script is no script: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}

/** What ties a create to the caller's own job: the first `[[…]]` that is no directive, else the prompt. */
export function markerIn(prompt: string): string | undefined {
  return prompt.match(MARKER)?.[0] ?? (prompt === '' ? undefined : prompt)
}

function faultByText(text: string): Script {
  const [id = ''] = text.trim().split(/\s+/, 1)
  const args: Record<string, FaultArgs[string]> = {}
  for (const [, name = '', quoted, plain] of text.matchAll(ARGUMENT)) args[name] = quoted ?? plain
  return faultScript(id, args)
}
