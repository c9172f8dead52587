import { describe, expect, test } from 'vitest'
import { parseCidrs } from './cidr.ts'
import { LOOPBACK_POLICY, OPEN_POLICY } from './egress-fixture.ts'
import { checkUrl, type EgressPolicy, isAddressAllowed } from './egress-policy.ts'

const PRODUCTION: EgressPolicy = { allowHttp: false, ports: new Set([443, 8443]), allow: [], deny: [] }
const refusal = (url: string, policy: EgressPolicy) => {
  try {
    return checkUrl(url, policy).href
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

describe('parseCidrs', () => {
  test('reads a list with spaces, bare addresses and both families', () => {
    const [loopback, host, six] = parseCidrs(' 127.0.0.0/8, 10.1.2.3 ,::1/128,')
    expect([loopback?.prefixBits, host?.prefixBits, six?.prefixBits]).toEqual([8, 32, 128])
    expect(parseCidrs('')).toEqual([])
  })

  test.each([
    '10.0.0.0/33',
    '10.0.0/8',
    '010.0.0.0/8',
    '::1/129',
    '10.0.0.0/',
    'fe80::1%eth0/64',
    'redis',
    '10.0.0.0/-1',
  ])('refuses %s by name', (part) => expect(() => parseCidrs(`127.0.0.1,${part}`)).toThrow(`'${part}'`))
})

describe('checkUrl', () => {
  test.each([
    ['https://media.example/a#secret', 'https://media.example/a'],
    ['https://media.example./a', 'https://media.example/a'],
    ['https://media.example:8443/', 'https://media.example:8443/'],
    ['http://media.example/', 'blocked'],
    ['https://media.example:6379/', 'blocked'],
    ['https://media.example:0/', 'invalid_url'],
    ['https://media.example../', 'invalid_url'],
    ['https://user@media.example/', 'invalid_url'],
    [`https://media.example/${'a'.repeat(2_048)}`, 'invalid_url'],
    ['https://localhost/', 'blocked'],
    ['https://a.localhost/', 'blocked'],
    ['https://redis/', 'blocked'],
    ['https://api.default.svc/', 'blocked'],
    ['https://metadata.google.internal/', 'blocked'],
    ['https://metadata.goog/', 'blocked'],
  ])('in production %s gives %s', (url, expected) => expect(refusal(url, PRODUCTION)).toBe(expected))

  test('the host list matches on label boundaries only, and never part of an address', () => {
    const policy = { ...OPEN_POLICY, hosts: ['cdn.example', '1.1.1.1'] }
    const hosts = ['cdn.example', 'a.cdn.example', 'evilcdn.example', 'cdn.example.evil', '1.1.1.1', '8.8.8.8']
    const passed = hosts.filter((host) => refusal(`https://${host}/`, policy) !== 'blocked')
    expect(passed).toEqual(['cdn.example', 'a.cdn.example', '1.1.1.1'])
  })

  test('localhost needs a loopback range, not just any range', () => {
    const policy = { ...PRODUCTION, allow: parseCidrs('10.0.0.0/8') }
    expect(refusal('http://localhost:3000/', policy)).toBe('blocked')
    expect(refusal('http://localhost:3000/', LOOPBACK_POLICY)).toBe('http://localhost:3000/')
    expect(refusal('http://10.0.0.5:9000/', policy)).toBe('http://10.0.0.5:9000/')
  })
})

test('what the operator named himself is called wherever it leads, and nothing beside it', () => {
  const trusted = [{ protocol: 'http:', hostname: 'vendor-proxy.corp', port: 9000 }]
  const policy = { ...PRODUCTION, trusted }
  expect(refusal('http://vendor-proxy.corp:9000/v1', policy)).toBe('http://vendor-proxy.corp:9000/v1')
  for (const url of [
    'http://vendor-proxy.corp:9001/',
    'https://vendor-proxy.corp:9000/',
    'http://a.vendor-proxy.corp:9000/',
  ])
    expect(refusal(url, policy)).toBe('blocked')
  const [target = { protocol: '', hostname: '', port: 0 }] = trusted
  expect(isAddressAllowed('10.0.0.5', target, policy)).toBe(true)
  expect(isAddressAllowed('10.0.0.5', { ...target, hostname: 'other.corp' }, policy)).toBe(false)
  expect(isAddressAllowed('10.0.0.5', target, { ...policy, deny: parseCidrs('10.0.0.0/8') })).toBe(false)
})

test('an IPv4-mapped address is refused even inside an allowed range', () => {
  const policy = { ...OPEN_POLICY, allow: parseCidrs('::/0, 127.0.0.0/8') }
  const target = { protocol: 'https:', hostname: 'media.example', port: 443 }
  expect(isAddressAllowed('::ffff:127.0.0.1', target, policy)).toBe(false)
  expect(isAddressAllowed('127.0.0.1', target, policy)).toBe(true)
})
