import { expect, onTestFinished, test } from 'vitest'
import { type Readiness, serveProbes } from './probes.ts'

async function openProbes(readiness: () => Promise<Readiness>) {
  const probes = await serveProbes({ host: '127.0.0.1', port: 0 }, readiness)
  onTestFinished(probes.close)
  return async (path: string) => {
    const response = await fetch(probes.url + path)
    return { status: response.status, body: await response.json() }
  }
}

test('/livez asks nobody: it is green while readiness hangs or fails', async () => {
  let asked = 0
  const ask = await openProbes(() => {
    asked += 1
    return new Promise(() => {})
  })
  expect(await ask('/livez')).toEqual({ status: 200, body: { status: 'ok' } })
  expect(asked).toBe(0)
})

test('/readyz is what readiness says, with its checks, and red when it fails', async () => {
  let answer = async (): Promise<Readiness> => ({ ready: true, checks: { redis: 'ok' } })
  const ask = await openProbes(() => answer())
  expect(await ask('/readyz')).toEqual({ status: 200, body: { status: 'ok', checks: { redis: 'ok' } } })
  answer = async () => ({ ready: false, checks: { draining: 'true' } })
  expect(await ask('/readyz')).toEqual({ status: 503, body: { status: 'unavailable', checks: { draining: 'true' } } })
  answer = async () => {
    throw new Error('no Redis')
  }
  expect((await ask('/readyz')).status).toBe(503)
  expect((await ask('/other')).status).toBe(404)
})

test('closing cuts what still waits for an answer', async () => {
  const probes = await serveProbes({ host: '127.0.0.1', port: 0 }, () => new Promise(() => {}))
  const waiting = fetch(`${probes.url}/readyz`)
  waiting.catch(() => {})
  await fetch(`${probes.url}/livez`)
  await probes.close()
  await expect(waiting).rejects.toThrow()
})
