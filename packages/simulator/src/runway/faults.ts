import { DOWNLOAD_FAULTS } from '../assets/download-faults.ts'
import { Args, BadFault, type FaultArgs } from '../fault-args.ts'
import { ACCOUNT_FAULTS } from './account-faults.ts'
import { CREATE_FAULTS } from './create-faults.ts'
import { OUTPUT_FAULTS, POLL_FAULTS } from './poll-faults.ts'
import type { Fault, Script } from './script.ts'

const FAULTS = { ...CREATE_FAULTS, ...POLL_FAULTS, ...OUTPUT_FAULTS, ...DOWNLOAD_FAULTS, ...ACCOUNT_FAULTS }
const BY_NAME: ReadonlyMap<string, Fault> = new Map(Object.entries(FAULTS))

export type FaultId = keyof typeof FAULTS

/** Every way the provider can misbehave, by its stable name. */
// Object.keys gives exactly the keys of a literal that nobody extends.
export const FAULT_IDS = Object.keys(FAULTS) as readonly FaultId[]

/**
 * The script that shows a fault. `times` is understood by every fault: for how many creates it is good. Throws BadFault
 * for an unknown id and for arguments that make no sense.
 */
export function faultScript(id: string, args: FaultArgs = {}): Script {
  const fault = BY_NAME.get(id)
  if (!fault) throw new BadFault(`There is no fault called "${id}"`)
  const read = new Args(args)
  const script = { name: id, ...fault(read) }
  return read.text('times') === undefined ? script : { ...script, times: read.count('times') }
}
