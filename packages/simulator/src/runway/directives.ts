import { z } from 'zod'
import { faultCallsIn, readFaultCall } from '../directives.ts'
import { parseJson } from '../exchange.ts'
import { BadFault } from '../fault-args.ts'
import { faultScript } from './faults.ts'
import { Script } from './script.ts'

/** The scripts that a prompt asks for, each with the text that asked. */
export function directivesIn(prompt: string): { text: string; script: Script }[] {
  return faultCallsIn(prompt).map(({ text, id, args }) => ({ text, script: faultScript(id, args) }))
}

/** The script that the header names: JSON, or the text that would stand in a directive. */
export function scriptFromHeader(value: string): Script {
  if (!value.startsWith('{')) {
    const { id, args } = readFaultCall(value)
    return faultScript(id, args)
  }
  const parsed = Script.safeParse(parseJson(value))
  if (!parsed.success) throw new BadFault(`x-sim-script is no script: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}
