import { describe, expect, test } from 'vitest'
import { DOWNLOAD_FAULTS } from '../assets/download-faults.ts'
import { RUNWARE_CREATE_FAULTS } from './create-faults.ts'
import { RUNWARE_FAULT_IDS, runwareFaultScript } from './faults.ts'
import { RUNWARE_POLL_FAULTS } from './poll-faults.ts'
import { RUNWARE_PUSH_FAULTS } from './push-faults.ts'
import { RunwareScript } from './script.ts'

describe('the fault table of Runware', () => {
  test('lists exactly the faults whose behaviour is proven, each under one name and with a script that is one', () => {
    const proven = [RUNWARE_CREATE_FAULTS, RUNWARE_POLL_FAULTS, DOWNLOAD_FAULTS, RUNWARE_PUSH_FAULTS]
    expect([...RUNWARE_FAULT_IDS].sort()).toEqual(proven.flatMap((faults) => Object.keys(faults)).sort())
    expect(new Set(RUNWARE_FAULT_IDS).size).toBe(RUNWARE_FAULT_IDS.length)
    for (const id of RUNWARE_FAULT_IDS) expect(RunwareScript.safeParse(runwareFaultScript(id)).success, id).toBe(true)
  })

  test('refuses names and arguments that make no sense', () => {
    expect(() => runwareFaultScript('poll.nonsense')).toThrow('There is no fault called "poll.nonsense"')
    expect(() => runwareFaultScript('poll.5xx', { n: 'many' })).toThrow('n must be a number')
    expect(() => runwareFaultScript('poll.progress', { list: 'high' })).toThrow('neither a number nor "missing"')
    expect(() => runwareFaultScript('hook.retry_until_2xx', { schedule: 'soon' })).toThrow('list of milliseconds')
  })
})
