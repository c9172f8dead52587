import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { createResolver, resolveWithin } from './resolver.ts'

type Answers = { a?: number[]; aaaa?: number[] }
const A = 1
const NXDOMAIN = 3

/** A name server that knows one address per family at most, says NXDOMAIN to `{}` and nothing at all to `undefined`. */
async function startNameServer(answers: Answers | undefined, silentAboutIpv6 = false) {
  const server = createSocket('udp4', (query, { port, address }) => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5)
    const type = question.readUInt16BE(question.length - 4)
    if (answers === undefined || (silentAboutIpv6 && type !== A)) return
    const data = type === A ? answers.a : answers.aaaa
    const code = answers.a || answers.aaaa ? 0 : NXDOMAIN
    const header = [query[0] ?? 0, query[1] ?? 0, 0x81, 0x80 | code, 0, 1, 0, data ? 1 : 0, 0, 0, 0, 0]
    const record = data ? [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data] : []
    server.send(Buffer.concat([Buffer.from(header), question, Buffer.from(record)]), port, address)
  })
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  const nameServers = [`127.0.0.1:${server.address().port}`]
  return { nameServers, [Symbol.asyncDispose]: async () => void server.close() }
}

const IPV6 = [0x26, 0x06, 0x47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]

describe('the default resolver', () => {
  test('collects the answers of both families', async () => {
    await using server = await startNameServer({ a: [1, 2, 3, 4], aaaa: IPV6 })
    const resolve = createResolver({ dnsTimeoutMs: 2_000, ...server })
    expect(await resolve('media.example')).toEqual(['1.2.3.4', '2606:4700::1'])
  })

  test('uses one family where the server is silent about the other', async () => {
    await using server = await startNameServer({ a: [1, 2, 3, 4] }, true)
    const resolve = createResolver({ dnsTimeoutMs: 300, ...server })
    expect(await resolveWithin(resolve, 'media.example', 2_000)).toEqual(['1.2.3.4'])
  })

  test('a name that does not exist and a server that never answers are both `dns`', async () => {
    for (const answers of [{}, undefined]) {
      await using server = await startNameServer(answers)
      const resolve = createResolver({ dnsTimeoutMs: 300, ...server })
      await expect(resolveWithin(resolve, 'media.example', 300)).rejects.toMatchObject({ code: 'dns' })
    }
  })

  test('local names are looked up as the system does, without the name server', async () => {
    await using server = await startNameServer({ a: [1, 2, 3, 4] })
    const resolve = createResolver({ dnsTimeoutMs: 2_000, ...server })
    expect(await resolve('localhost')).toContain('127.0.0.1')
  })
})
