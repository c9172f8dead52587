import { DOWNLOAD_FAULTS } from '../assets/download-faults.ts'
import { Args, BadFault, type FaultArgs } from '../fault-args.ts'
import { RUNWARE_CREATE_FAULTS } from './create-faults.ts'
import { RUNWARE_POLL_FAULTS } from './poll-faults.ts'
import { RUNWARE_PUSH_FAULTS } from './push-faults.ts'
import type { RunwareFault, RunwareScript } from './script.ts'

const FAULTS = { ...RUNWARE_CREATE_FAULTS, ...RUNWARE_POLL_FAULTS, ...DOWNLOAD_FAULTS, ...RUNWARE_PUSH_FAULTS }
const BY_NAME: ReadonlyMap<string, RunwareFault> = new Map(Object.entries(FAULTS))

export type RunwareFaultId = keyof typeof FAULTS

/** Every way the provider can misbehave, by its stable name. */
// Object.keys gives exactly the keys of a literal that nobody extends.
export const RUNWARE_FAULT_IDS = Object.keys(FAULTS) as readonly RunwareFaultId[]

/**
 * The script that shows a fault. `times` is understood by every fault: for how many tasks it is good. Throws BadFault
 * for an unknown id and for arguments that make no sense.
 */
export function runwareFaultScript(id: string, args: FaultArgs = {}): RunwareScript {
  const fault = BY_NAME.get(id)
  if (!fault) throw new BadFault(`There is no fault called "${id}"`)
  const read = new Args(args)
  const script = { name: id, ...fault(read) }
  return read.text('times') === undefined ? script : { ...script, times: read.count('times') }
}
