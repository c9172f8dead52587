import { createSecretKey, randomBytes } from 'node:crypto'
import { Envelope, WebhookEndpoints } from '@genqueue/accounts'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { ensureRedisServer } from '../../../scripts/redis-binary.ts'
import { startRedis } from '../../../scripts/redis-process.ts'
import { openEndpointBook } from './open-endpoint-book.ts'

const SETTINGS = { name: 'ours', url: 'https://hooks.example/in', subscriptions: ['*'] }

test('an endpoint whose secret does not open is locked and said so once, until it opens and is lost again', async () => {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  const server = await startRedis({ binary })
  const redis = new Redis(server.url, { maxRetriesPerRequest: null })
  const envelopeOf = (kid: string) => new Envelope([{ kid, key: createSecretKey(randomBytes(32)) }])
  const [lost, kept] = [envelopeOf('lost'), envelopeOf('kept')]
  const said: object[] = []
  const ignore = () => {}
  const log = { debug: ignore, info: ignore, warn: ignore, error: (fields: object) => void said.push(fields) }
  const config = { REDIS_URL: server.url, keySources: { envelope: kept } }
  const book = openEndpointBook(config, { redis, prefix: '{t}', log })
  await book.start()
  const endpointsWith = (envelope: Envelope) => new WebhookEndpoints({ redis, prefix: '{t}', envelope, maxPerTeam: 20 })
  const made = await endpointsWith(lost).create('acme', SETTINGS)
  const id = made?.record.id ?? ''
  const look = () => book.endpoint('acme', id)
  const expected = { team: 'acme', endpointId: id, reason: 'There is no encryption key lost' }
  for (let n = 0; n < 3; n += 1) expect(await look()).toBe('locked')
  expect(said).toEqual([expected])

  await endpointsWith(kept).rotate('acme', id, { keepOld: false })
  await expect.poll(look, { interval: 5 }).toMatchObject({ url: SETTINGS.url })
  await endpointsWith(lost).rotate('acme', id, { keepOld: false })
  await expect.poll(look, { interval: 5 }).toBe('locked')
  expect(said).toEqual([expected, expected])
  await book.close()
  redis.disconnect()
  await server.stop()
})
