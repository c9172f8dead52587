import { subscribedTypes, WebhookEvent, WebhookEventType } from '@genqueue/contract'
import { newJobId } from '@genqueue/jobs'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADMIN_KEY, type OpenApi, OTHER_KEY, openApi } from '../api-fixture.ts'
import { sampleEvent } from '../webhooks/sample-event.ts'

const ENCRYPTION_KEYS = `k1:${Buffer.alloc(32, 1).toString('base64')}`
const SETTINGS = { name: 'ours', url: 'https://hooks.example.com/a', event_types: ['video.completed' as const] }

let house: OpenApi
let openai: OpenAI
beforeAll(async () => {
  house = await openApi({ ENCRYPTION_KEYS })
  openai = new OpenAI({ apiKey: ADMIN_KEY, baseURL: `${house.url}/v1`, maxRetries: 0 })
})
afterAll(() => house.close())

test('the openai SDK makes, lists, changes, rotates and deletes endpoints; a secret is shown when it is made and never again', async () => {
  const made = await openai.webhooks.create(SETTINGS)
  expect(made).toMatchObject({ object: 'webhook_endpoint', ...SETTINGS, created_at: made.updated_at })
  expect(made.signing_secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  expect(made.signing_secret).toContain(`${made.signing_secret_hint}=`)
  const second = await openai.webhooks.create({ ...SETTINGS, name: 'second' })
  const listed: string[] = []
  for await (const { id } of openai.webhooks.list({ limit: 1 })) listed.push(id)
  expect(listed).toEqual([second.id, made.id])
  const { signing_secret: _, ...shown } = made
  expect(await openai.webhooks.retrieve(made.id)).toEqual(shown)
  const changed = await openai.webhooks.update(made.id, { url: 'https://hooks.example.com/b' })
  expect(changed).toMatchObject({ url: 'https://hooks.example.com/b', name: 'ours', event_types: ['video.completed'] })
  expect(changed).not.toHaveProperty('signing_secret')
  expect(await openai.webhooks.update(made.id)).toEqual(changed)

  const rotated = await openai.webhooks.rotateSecret(made.id, { keep_old_secret_active_for_24_hours: true })
  expect(rotated.signing_secret).not.toBe(made.signing_secret)
  expect(rotated).toMatchObject({ old_secret_expires_at: expect.any(Number) })
  expect(await openai.webhooks.rotateSecret(made.id)).toMatchObject({ old_secret_expires_at: null })
  expect(await openai.webhooks.delete(made.id)).toEqual({
    id: made.id,
    object: 'webhook_endpoint.deleted',
    deleted: true,
  })
  await expect(openai.webhooks.delete(made.id)).rejects.toMatchObject({ status: 404, code: 'not_found' })
  const { data } = await openai.webhooks.eventTypes.list()
  expect(data).toEqual(expect.arrayContaining(['video.completed', 'video.*', 'job.failed', '*']))

  const audit = await (await house.fetch('/api/audit')).text()
  for (const action of ['create', 'update', 'rotate_secret', 'delete']) {
    expect(audit).toContain(`webhook_endpoint.${action}`)
  }
  expect(audit).not.toContain('whsec_')
})

test('a team that is deleted takes its endpoints along', async () => {
  await house.post('/api/teams', { id: 'leaving' })
  const made = await house.post('/api/keys', { name: 'a', team: 'leaving', scopes: ['webhooks:manage'] })
  const { id, key } = (await made.json()) as { id: string; key: string } // shown once
  await house.post('/v1/webhook_endpoints', SETTINGS, { key })
  expect(await house.redis.hlen(house.keys.endpoints('leaving'))).toBe(1)
  await house.fetch(`/api/keys/${id}`, { method: 'DELETE' })
  expect((await house.fetch('/api/teams/leaving', { method: 'DELETE' })).status).toBe(200)
  expect(await house.redis.hlen(house.keys.endpoints('leaving'))).toBe(0)
})

test('a team made again under its old name finds no endpoints, even where its deletion was cut short', async () => {
  await house.post('/api/teams', { id: 'again' })
  const made = await house.post('/api/keys', { name: 'a', team: 'again', scopes: ['webhooks:manage'] })
  const { id, key } = (await made.json()) as { id: string; key: string } // shown once
  await house.post('/v1/webhook_endpoints', SETTINGS, { key })
  await house.fetch(`/api/keys/${id}`, { method: 'DELETE' })
  // What a process leaves that ends between the two steps.
  await house.redis.hdel(`${house.keys.prefix}:teams`, 'again')
  expect((await house.post('/api/teams', { id: 'again' })).status).toBe(201)
  expect(await house.redis.hlen(house.keys.endpoints('again'))).toBe(0)
})

test('a test that no worker gets to says so when whoever asked is gone or the time is over, and is not lost', async () => {
  const { id } = await openai.webhooks.create(SETTINGS)
  const asked = openai.webhooks.test(id, { event_type: 'video.completed' }, { timeout: 300 })
  await expect(asked).rejects.toThrow(/timed out/)
  const list = await (await house.fetch(`/v1/deliveries?endpoint=${id}&status=pending&after=`)).json()
  expect(list).toMatchObject({ data: [{ event_type: 'video.completed', attempts: 0, webhook_endpoint_id: id }] })
  expect(await (await house.fetch('/v1/deliveries', { key: OTHER_KEY })).json()).toMatchObject({ data: [] })
})

test.each(WebhookEventType.options)('a sample of %s is such an event', (type) => {
  const nowMs = Date.UTC(2026, 10, 1)
  const event = sampleEvent(type, { jobId: newJobId(nowMs), publicUrl: 'https://queue.example', nowMs })
  expect(WebhookEvent.parse(event)).toEqual(event)
  expect(subscribedTypes([`${event.data.kind}.*`, 'job.progress'])).toContain(event.type)
})
