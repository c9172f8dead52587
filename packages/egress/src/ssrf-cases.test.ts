import { describe, expect, test } from 'vitest'
import { createCaller, OPEN_POLICY } from './egress-fixture.ts'
import { checkUrl, isAddressAllowed, isLocalName, targetOf } from './egress-policy.ts'
import cases from './ssrf-cases.json' with { type: 'json' }

const of = (...expected: string[]) => cases.filter((row) => expected.includes(row.expect))
const PRIVATE = ['127.0.0.1', '169.254.169.254', '10.0.0.5', 'fd00:ec2::254', '::ffff:7f00:1']
const PUBLIC = '93.184.215.14'

test('every case of the list has a rule here', () => {
  expect(of('block', 'reject', 'dns', 'allow', 'allowhost', 'note')).toHaveLength(cases.length)
  expect(cases.length).toBeGreaterThan(100)
})

describe('an address that must not be reached', () => {
  test.each(of('block'))('$id $url is blocked when it is parsed', ({ url }) => {
    expect(() => checkUrl(url, OPEN_POLICY)).toThrow(expect.objectContaining({ code: 'blocked' }))
  })

  test.each(of('block'))('$id $url is blocked by the agent alone, before a socket exists', async ({ url }) => {
    await using caller = createCaller(OPEN_POLICY)
    const { origin } = new URL(url)
    await expect(caller.agent.request({ origin, path: '/', method: 'GET' })).rejects.toMatchObject({ code: 'blocked' })
  })

  test.each(of('reject'))('$id $url is refused as invalid', ({ url }) => {
    expect(() => checkUrl(url, OPEN_POLICY)).toThrow(expect.objectContaining({ code: 'invalid_url' }))
  })
})

describe('a name', () => {
  test.each(of('dns'))('$id $url with any private answer is never connected to', async ({ url }) => {
    for (const address of PRIVATE) {
      await using caller = createCaller(OPEN_POLICY, { resolve: async () => [PUBLIC, address] })
      const { origin } = new URL(url)
      await expect(caller.call(url)).rejects.toMatchObject({ code: 'blocked', written: false })
      await expect(caller.agent.request({ origin, path: '/', method: 'GET' })).rejects.toMatchObject({
        code: 'blocked',
      })
    }
  })

  test.each(of('dns'))('$id $url with a public answer is allowed unless the name is a local one', ({ url }) => {
    const target = { ...targetOf(new URL(url)), hostname: new URL(url).hostname.replace(/\.$/, '') }
    expect(isAddressAllowed(PUBLIC, target, OPEN_POLICY)).toBe(!isLocalName(target.hostname))
  })

  test('the list holds names that are decided by their addresses alone', () => {
    const ordinary = of('dns').filter(({ url }) => !isLocalName(new URL(url).hostname.replace(/\.$/, '')))
    expect(ordinary.map(({ id }) => id)).toEqual(['D08', 'D09', 'D11'])
  })
})

describe('a host that must stay reachable', () => {
  test.each(of('allow', 'allowhost', 'note'))('$id $url passes', ({ url, whatwgHost }) => {
    const checked = checkUrl(url, OPEN_POLICY)
    expect(checked.hostname).toBe(whatwgHost)
    const target = targetOf(checked)
    const address = /^[\d.]+$|:/.test(target.hostname) ? target.hostname : PUBLIC
    expect(isAddressAllowed(address, target, OPEN_POLICY)).toBe(true)
  })
})
