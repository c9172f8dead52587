import RunwayML from '@runwayml/sdk'
import { expect, it } from 'vitest'
import { simulateRunway } from './simulate-runway.fixture.ts'

it('what the adapter puts on the wire is what the official SDK puts there', async () => {
  const world = await simulateRunway()
  try {
    const sdk = new RunwayML({ apiKey: world.key.reveal(), baseURL: world.sim.runway.url, maxRetries: 0 })
    const created = await sdk.textToVideo.create({
      model: 'gen4.5',
      promptText: 'a cat',
      ratio: '1280:720',
      duration: 2,
    })
    await sdk.tasks.retrieve(created.id)
    await sdk.tasks.delete(created.id)
    const taskId = await world.accepted()
    await world.poll(taskId)
    await world.provider.cancel(taskId, world.call())
    const requests = world.sim.journal().map(({ method, path, headers, body }) => ({
      method,
      path: path.replace(created.id, 'ID').replace(taskId, 'ID'),
      version: headers['x-runway-version'],
      authorization: headers.authorization,
      contentType: body ? headers['content-type'] : undefined,
      body,
    }))
    expect(requests.slice(3)).toEqual(requests.slice(0, 3))
    expect(requests).toHaveLength(6)
  } finally {
    await world.close()
  }
})
