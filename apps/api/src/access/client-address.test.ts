import { Hono } from 'hono'
import { expect, test } from 'vitest'
import type { ApiContext } from '../route.ts'
import { clientAddress } from './client-address.ts'

async function addressOf(forwarded: string | undefined, hops: number): Promise<string> {
  const app = new Hono<{ Bindings: ApiContext['env'] }>().get('/', (c) => c.text(clientAddress(c, hops)))
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
  const incoming = { socket: { remoteAddress: '192.0.2.9' } }
  return (await app.request('/', { headers }, { incoming } as ApiContext['env'])).text() // all that is read of it
}

test.each([
  ['nobody in between', undefined, 0, '192.0.2.9'],
  ['a header that nobody asked for', '203.0.113.1', 0, '192.0.2.9'],
  ['one proxy', '203.0.113.1', 1, '203.0.113.1'],
  ['what the caller wrote in front', '10.0.0.1, 203.0.113.1', 1, '203.0.113.1'],
  ['two proxies', '10.0.0.1, 2001:db8::1, 198.51.100.2', 2, '2001:db8::1'],
  ['fewer entries than proxies', '203.0.113.1', 2, '192.0.2.9'],
  ['what is no address', 'unknown', 1, '192.0.2.9'],
  ['no header', undefined, 1, '192.0.2.9'],
])('the caller’s address, with %s', async (_, forwarded, hops, address) => {
  expect(await addressOf(forwarded, hops)).toBe(address)
})
