import { describe, expect } from 'vitest'
import { DOWNLOAD_FAULTS } from '../assets/download-faults.ts'
import { download, type Simulation, test } from '../simulation.fixture.ts'
import { ACCOUNT_FAULTS } from './account-faults.ts'
import { CREATE_FAULTS } from './create-faults.ts'
import { FAULT_IDS, faultScript } from './faults.ts'
import { OUTPUT_FAULTS, POLL_FAULTS } from './poll-faults.ts'

type Observe = (simulation: Simulation) => Promise<void>

const remove = (simulation: Simulation, id: string) => simulation.call('DELETE', `/v1/tasks/${id}`)

/** The statuses of DELETEs and then of a GET. */
const deletes =
  (...statuses: number[]): Observe =>
  async (simulation) => {
    const id = await simulation.created()
    const given = []
    for (let count = 1; count < statuses.length; count += 1) given.push((await remove(simulation, id)).status)
    expect([...given, (await simulation.poll(id)).status]).toEqual(statuses)
  }

const upload = (simulation: Simulation) =>
  simulation.sdk().uploads.createEphemeral({ file: new File([Buffer.alloc(1024)], 'a.png') })
const storageFails =
  (error: object): Observe =>
  async (simulation) => {
    await expect(upload(simulation)).rejects.toMatchObject(error)
    await expect(upload(simulation)).resolves.toEqual({ uri: expect.stringMatching(/^runway:\/\//) })
  }
const organization = async (simulation: Simulation) => (await simulation.call('GET', '/v1/organization')).json

const OBSERVED = {
  'del.204_then_404': deletes(204, 404, 404),
  'del.404': deletes(404, 404, 200),
  'del.5xx': deletes(503, 204, 404),
  'del.race_succeeds_first': async (simulation) => {
    const id = await simulation.created()
    expect((await remove(simulation, id)).status).toBe(204)
    expect((await simulation.poll(id)).status).toBe(404)
    expect(simulation.sim.runway.ledger().entries).toMatchObject([{ status: 'SUCCEEDED', finalCredits: 60 }])
    expect(simulation.sim.violations()).toMatchObject([{ kind: 'deleted_before_download', taskId: id }])
  },
  'upload.placeholder_429': storageFails({ status: 429 }),
  'upload.storage_403': storageFails({ status: 403 }),
  'upload.storage_503': storageFails({ status: 503 }),
  'upload.storage_drop': storageFails({ message: 'Connection error.' }),
  'upload.no_runwayUri': async (simulation) => {
    const { json } = await simulation.call('POST', '/v1/uploads', { body: { filename: 'a.png', type: 'ephemeral' } })
    expect(Object.keys(json)).toEqual(['uploadUrl', 'fields'])
  },
  'org.ok': async (simulation) => {
    expect(await organization(simulation)).toMatchObject({
      creditBalance: 1_000_000,
      tier: { models: { 'gen4.5': { maxConcurrentGenerations: 5, maxDailyGenerations: null } } },
    })
  },
  'org.null_limits': async (simulation) => {
    expect(await organization(simulation)).toMatchObject({
      tier: { models: { 'gen4.5': { maxConcurrentGenerations: null, maxDailyGenerations: null } } },
    })
  },
  'org.zero_credit': async (simulation) => {
    expect(await organization(simulation)).toMatchObject({ creditBalance: 0 })
    expect(await organization(simulation)).toMatchObject({ creditBalance: 1_000_000 })
  },
  'org.error': async (simulation) => {
    expect((await simulation.call('GET', '/v1/organization')).status).toBe(500)
    expect(await organization(simulation)).toMatchObject({ creditBalance: 1_000_000 })
  },
} satisfies Record<keyof typeof ACCOUNT_FAULTS, Observe>

describe('an account that meets', () => {
  for (const [id, observe] of Object.entries(OBSERVED)) {
    test(`${id} shows it on the wire`, async ({ start }) => {
      const simulation = await start()
      // Object.entries of a literal gives its own keys.
      simulation.sim.runway.fault(id as keyof typeof ACCOUNT_FAULTS)
      await observe(simulation)
    })
  }

  test('a deleted task takes its output with it', async ({ start }) => {
    const simulation = await start()
    const { id, url } = await simulation.succeeded()
    expect((await download(url)).status).toBe(200)
    await remove(simulation, id)
    expect((await download(url)).status).toBe(404)
    expect(simulation.sim.violations()).toEqual([])
  })
})

describe('the fault table', () => {
  test('lists exactly the faults whose behaviour is proven, each under one name', () => {
    const proven = [CREATE_FAULTS, POLL_FAULTS, OUTPUT_FAULTS, DOWNLOAD_FAULTS, ACCOUNT_FAULTS].flatMap((faults) =>
      Object.keys(faults),
    )
    expect([...FAULT_IDS].sort()).toEqual(proven.sort())
    expect(new Set(FAULT_IDS).size).toBe(FAULT_IDS.length)
  })

  test('refuses names and arguments that make no sense', () => {
    expect(() => faultScript('poll.nonsense')).toThrow('There is no fault called "poll.nonsense"')
    expect(() => faultScript('poll.5xx', { n: 'many' })).toThrow('n must be a number')
    expect(() => faultScript('dl.redirect', { to: 'mars' })).toThrow('to must be one of same, other, metadata, http')
  })
})
