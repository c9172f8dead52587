import { describe, expect, test } from 'vitest'
import { readWorkerConfig } from './config.ts'

const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
const ENV = { REDIS_URL: 'redis://localhost:6379', STORAGE_URL: 's3://bucket/prefix', WEBHOOK_SECRET: SECRET }

function faultOf(env: Record<string, string | undefined>): string {
  try {
    readWorkerConfig({ ...ENV, ...env })
  } catch (error) {
    return error instanceof Error ? error.message : 'no error'
  }
  throw new Error('was accepted')
}

describe('the environment of a worker', () => {
  test('needs three variables; the rest has defaults, and an empty variable is an absent one', () => {
    const config = readWorkerConfig({ ...ENV, RUNWAY_API_KEY: '', SUBMIT_TIMEOUT_MS: '' })
    expect(config).toMatchObject({ KEY_PREFIX: '{gq}', SUBMIT_TIMEOUT_MS: 60_000, SPEED: 1, EGRESS_ALLOW: [] })
    expect(config.RUNWAY_API_KEY).toBeUndefined()
  })

  test.each([
    ['REDIS_URL', undefined],
    ['REDIS_URL', 'http://localhost'],
    ['STORAGE_URL', undefined],
    ['WEBHOOK_SECRET', undefined],
    ['WEBHOOK_SECRET', 'whsec_short'],
    ['WEBHOOK_SIGNING_KEY', 'whsk_c2hvcnQ='],
    ['RUNWAY_API_KEY', 'key_a,,key_b'],
    ['RUNWAY_API_KEY', 'key_a@-1'],
    ['RUNWAY_API_KEY', 'key_a@much'],
    ['RUNWARE_API_KEY', ',key'],
    ['RUNWARE_BASE_URL', 'api.runware.ai'],
    ['WAIT_CONCURRENCY', '0'],
    ['KEY_PREFIX', 'gq'],
    ['PUBLIC_URL', 'queue.example'],
    ['EGRESS_ALLOW', '10.0.0.0/99'],
    ['POLL_TIMEOUT_MS', '-1'],
    ['POLL_TIMEOUT_MS', '1.5'],
    ['WEBHOOK_TIMEOUT_MS', '30001'],
    ['COPY_CONCURRENCY', '0'],
    ['MAX_OUTPUT_BYTES', '5GB'],
    ['HEALTH_PORT', '70000'],
    ['S3_FORCE_PATH_STYLE', 'perhaps'],
    ['LOG_LEVEL', 'loud'],
    ['SPEED', '0.5'],
  ])('names %s when it is %j, and does not print what it holds', (name, value) => {
    const message = faultOf({ [name]: value })
    expect(message).toContain('The worker cannot start')
    expect(message).toMatch(new RegExp(`^ {2}${name}: \\S`, 'm'))
    if (name.endsWith('_API_KEY') || name.startsWith('WEBHOOK_')) expect(message).not.toContain(value ?? '-')
  })

  test('names every variable at fault at once', () => {
    const message = faultOf({ REDIS_URL: 'x', POLL_TIMEOUT_MS: 'soon', KEY_PREFIX: '{}' })
    for (const name of ['REDIS_URL', 'POLL_TIMEOUT_MS', 'KEY_PREFIX']) expect(message).toContain(`  ${name}: `)
  })

  test('keeps production at the speed of the world', () => {
    expect(faultOf({ NODE_ENV: 'production', SPEED: '2' })).toContain('SPEED: must be 1 in production')
  })

  test('takes several keys with weights, and shows none of them', () => {
    const { RUNWAY_API_KEY: keys = [] } = readWorkerConfig({ ...ENV, RUNWAY_API_KEY: 'key_a, key_b@2.5' })
    expect(keys.map(({ key, weight }) => [key.reveal(), weight])).toEqual([
      ['key_a', 1],
      ['key_b', 2.5],
    ])
    expect(JSON.stringify(keys)).not.toContain('key_a')
  })

  test('takes several webhook secrets while one is being changed', () => {
    expect(readWorkerConfig({ ...ENV, WEBHOOK_SECRET: `${SECRET}, ${SECRET}` }).WEBHOOK_SECRET).toHaveLength(2)
  })
})
