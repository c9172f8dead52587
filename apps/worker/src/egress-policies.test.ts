import { readFile } from 'node:fs/promises'
import { checkUrl, createGuardedAgent } from '@genqueue/egress'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { readWorkerConfig } from './config.ts'
import { egressPolicies } from './egress-policies.ts'

const Case = z.object({ id: z.string(), url: z.string(), expect: z.string() })
const list = new URL('../../../packages/egress/src/ssrf-cases.json', import.meta.url)
const cases = z.array(Case).parse(JSON.parse(await readFile(list, 'utf8')))

const ENV = {
  REDIS_URL: 'redis://127.0.0.1:6379',
  STORAGE_URL: 'file:///tmp/genqueue',
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
}
const policiesOf = (env: Record<string, string> = {}) => egressPolicies(readWorkerConfig({ ...ENV, ...env }))
const NAMES = ['webhooks', 'outputs', 'uploads', 'vendors'] as const
const limits = { dnsTimeoutMs: 500, connectTimeoutMs: 500, keepAliveMs: 100, connections: 1 }

describe.each(NAMES)('the policy of %s', (name) => {
  const policy = policiesOf()[name]
  const refused = (url: string) => {
    try {
      checkUrl(url, policy)
      return false
    } catch {
      return true
    }
  }

  test('refuses every address of the list that must not be reached, by https too and at its socket', async () => {
    const agent = createGuardedAgent(policy, { ...limits, resolve: async () => ['10.0.0.5'] })
    const reached: string[] = []
    for (const { id, url } of cases.filter(({ expect: wanted }) => ['block', 'reject'].includes(wanted))) {
      const secure = url.replace(/^http:/, 'https:')
      if (!refused(url) || !refused(secure)) reached.push(id)
      const origin = URL.parse(secure)?.origin
      if (origin === undefined || !origin.startsWith('https:')) continue
      const code = await agent.request({ origin, path: '/', method: 'GET' }).then(
        () => 'reached',
        (error: { code: string }) => error.code,
      )
      if (!/^(blocked|invalid_url)$/.test(code)) reached.push(`${id} ${code}`)
    }
    await agent.destroy()
    expect(reached).toEqual([])
  })

  test('takes by https every host of the list that must stay reachable', () => {
    const allowed = cases.filter(({ expect: wanted }) => ['allow', 'allowhost', 'note'].includes(wanted))
    expect(allowed.filter(({ url }) => refused(url.replace(/^http:/, 'https:')))).toEqual([])
    expect(allowed.length).toBeGreaterThan(10)
  })

  test('takes plain http and other ports inside the ranges of the operator only', () => {
    expect(refused('http://10.1.2.3:9000/')).toBe(true)
    expect(refused('http://93.184.215.14/')).toBe(true)
    const inside = policiesOf({ EGRESS_ALLOW: '10.1.0.0/16' })[name]
    expect(checkUrl('http://10.1.2.3:9000/', inside).port).toBe('9000')
    expect(() => checkUrl('http://10.2.0.1:9000/', inside)).toThrow()
  })
})

test('each way out differs in what fits it: ports, hosts, and the vendor that the environment names', () => {
  const { webhooks, outputs, uploads, vendors } = policiesOf({
    OUTPUT_HOSTS: 'cdn.example',
    RUNWAY_BASE_URL: 'http://127.0.0.1:9000/v1',
  })
  const takes = (url: string) =>
    Object.entries({ webhooks, outputs, uploads, vendors }).flatMap(([name, policy]) => {
      try {
        checkUrl(url, policy)
        return [name]
      } catch {
        return []
      }
    })
  expect(takes('https://hooks.example:8080/')).toEqual(['webhooks', 'vendors'])
  expect(takes('https://a.cdn.example/')).toEqual(['webhooks', 'outputs', 'uploads', 'vendors'])
  expect(takes('https://other.example/')).toEqual(['webhooks', 'uploads', 'vendors'])
  expect(takes('http://127.0.0.1:9000/v1/tasks')).toEqual(['vendors'])
  expect(takes('http://127.0.0.1:9001/')).toEqual([])
})
