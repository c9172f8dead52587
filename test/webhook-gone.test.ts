import {
  DeliveryDetail,
  DeliveryList,
  DeliveryResource,
  JobResource,
  NewApiKey,
  RedeliverReport,
} from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { z } from 'zod'
import { type House, openHouse } from './house.ts'

let house: House
beforeAll(async () => {
  house = await openHouse()
})
afterAll(async () => {
  house.assertHonest()
  await house.close()
})

async function api<Schema extends z.ZodType>(method: string, path: string, schema: Schema, body?: unknown) {
  const response = await house.call(method, path, body)
  const text = await response.text()
  expect(response.ok, `${method} ${path}: ${response.status} ${text}`).toBe(true)
  return schema.parse(JSON.parse(text))
}

/** A job of this API key, or of the operator's, that has ended, and its one delivery. */
async function told(promptText: string, webhook_url: string, key?: string) {
  const input = { model: 'gen4.5', promptText, ratio: '1280:720', duration: 5 }
  const body = { provider: 'runway', operation: 'text_to_video', input, webhook_url }
  const response = await house.call('POST', '/v1/jobs', body, key ? { authorization: `Bearer ${key}` } : {})
  const { id } = JobResource.parse(await response.json())
  await house.ended(id)
  const read = async () => (await api('GET', `/v1/jobs/${id}/deliveries`, DeliveryList)).data[0]
  return { id: `msg_${id.slice(4)}`, read }
}

test('a webhook_url that answers 410 is left alone for that API key, says why, and is called again once it takes one', async () => {
  const { receiver } = house.simulator
  const url = `${receiver.url}/gone`
  const since = Math.floor(Date.now() / 1000) - 1
  const { key } = await api('POST', '/api/keys', NewApiKey, { name: 'leaving' })
  receiver.behave({ kind: 'answer', status: 410, path: '/gone', times: 1 })
  const first = await told('first', url, key)
  await expect.poll(first.read, { interval: 10 }).toMatchObject({ status: 'gone', attempts: 1 })

  const second = await told('second', url, key)
  expect(await second.read()).toMatchObject({ status: 'gone', attempts: 0, last_attempt: { error: 'url_gone' } })
  const operators = await told('by the operator', url)
  await expect.poll(operators.read, { interval: 10 }).toMatchObject({ status: 'delivered' })
  const came = () => receiver.deliveries('/gone').map(({ headers }) => headers['webhook-id'])
  expect(came()).toEqual([first.id, operators.id])

  await api('POST', `/v1/deliveries/${second.id}/redeliver`, DeliveryResource)
  await expect.poll(second.read, { interval: 10 }).toMatchObject({ status: 'delivered', attempts: 1 })
  expect(await api('POST', '/v1/redeliveries', RedeliverReport, { since })).toMatchObject({ redelivered: 1 })
  const log = async () => (await api('GET', `/v1/deliveries/${first.id}`, DeliveryDetail)).log
  await expect.poll(log, { interval: 10 }).toMatchObject([{ status_code: 410 }, { status_code: 204 }])
})
