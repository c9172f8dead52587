import { gunzipSync } from 'node:zlib'
import { describe, expect } from 'vitest'
import { download, type Simulation, test, urlsOf } from '../simulation.fixture.ts'
import type { DOWNLOAD_FAULTS } from './download-faults.ts'

interface Fetched {
  readonly simulation: Simulation
  readonly id: string
  readonly url: string
  readonly expected: Buffer
}
type DownloadFaultId = keyof typeof DOWNLOAD_FAULTS | 'dl.ok'
type Observe = (fetched: Fetched) => Promise<void>

const answers =
  (status: number): Observe =>
  async ({ url, expected }) => {
    expect((await download(url)).status).toBe(status)
    expect((await download(url)).bytes.equals(expected), 'the second download').toBe(true)
  }
const whole: Observe = async ({ url, expected }) => {
  const { status, bytes } = await download(url)
  expect([status, bytes.equals(expected)]).toEqual([200, true])
}
const expires =
  (status: number): Observe =>
  async ({ simulation, id, url, expected }) => {
    expect((await download(url)).status).toBe(status)
    expect((await download(url)).status, 'the same URL again').toBe(status)
    const [fresh = ''] = urlsOf(await simulation.poll(id))
    expect((await download(fresh)).bytes.equals(expected), 'a fresh URL').toBe(true)
  }
/** The bytes that come before the connection breaks or the patience ends. */
async function partOf(url: string, patienceMs: number): Promise<{ bytes: number; length: number; error: unknown }> {
  const response = await fetch(url, { signal: AbortSignal.timeout(patienceMs) })
  let bytes = 0
  try {
    for await (const chunk of response.body ?? []) bytes += chunk.length
  } catch (error) {
    return { bytes, length: Number(response.headers.get('content-length')), error }
  }
  return { bytes, length: Number(response.headers.get('content-length')), error: undefined }
}
const range = (from: number, to: number): RequestInit => ({ headers: { range: `bytes=${from}-${to}` } })

const OBSERVED = {
  'dl.ok': whole,
  'dl.expired_401': expires(401),
  'dl.expired_403': expires(403),
  'dl.404': answers(404),
  'dl.5xx': answers(503),
  'dl.429': answers(429),
  'dl.zero_bytes': async ({ url, expected }) => {
    const { status, bytes, headers } = await download(url)
    expect([status, bytes.length, headers.get('content-length')]).toEqual([200, 0, '0'])
    expect((await download(url)).bytes.equals(expected)).toBe(true)
  },
  'dl.truncated': async ({ url, expected }) => {
    const { bytes, length, error } = await partOf(url, 2000)
    expect([length, bytes]).toEqual([expected.length, Math.floor(expected.length / 2)])
    expect(error).toMatchObject({ message: 'terminated' })
  },
  'dl.no_content_length': async ({ url, expected }) => {
    const { headers, bytes } = await download(url)
    expect([headers.get('content-length'), headers.get('transfer-encoding')]).toEqual([null, 'chunked'])
    expect(bytes.equals(expected)).toBe(true)
  },
  'dl.wrong_type': async ({ url }) => {
    const { status, headers, bytes } = await download(url)
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(bytes.toString()).toMatch(/^<!doctype html>/)
  },
  'dl.huge': async ({ url, expected }) => {
    const controller = new AbortController()
    const response = await fetch(url, { signal: controller.signal })
    let bytes = 0
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length
      if (bytes > 100 * expected.length) break
    }
    expect(bytes).toBeGreaterThan(100 * expected.length)
    controller.abort()
  },
  'dl.slow': async ({ simulation, url, expected }) => {
    const answer = download(url)
    await expect.poll(() => simulation.sim.journal().filter(({ host }) => host === 'assets')).toHaveLength(1)
    simulation.sim.clock.advance((expected.length / 10_000) * 500)
    expect(simulation.sim.journal().at(-1)).toMatchObject({ fate: 'open' })
    simulation.sim.clock.advance(60_000)
    expect((await answer).bytes.equals(expected)).toBe(true)
  },
  'dl.stall_midway': async ({ url, expected }) => {
    const { bytes, error } = await partOf(url, 200)
    expect(bytes).toBe(Math.floor(expected.length / 2))
    expect(error).toMatchObject({ name: 'TimeoutError' })
  },
  'dl.range_unsupported': async ({ url, expected }) => {
    const { status, headers, bytes } = await download(url, range(10, 19))
    expect([status, headers.get('accept-ranges'), bytes.length]).toEqual([200, null, expected.length])
  },
  'dl.range_ok': async ({ url, expected }) => {
    const { status, headers, bytes } = await download(url, range(10, 19))
    expect([status, headers.get('content-range')]).toEqual([206, `bytes 10-19/${expected.length}`])
    expect(bytes.equals(expected.subarray(10, 20))).toBe(true)
  },
  'dl.etag_changes_between_ranges': async ({ url }) => {
    const first = await download(url, range(0, 9))
    const second = await download(url, range(10, 19))
    expect([first.status, second.status]).toEqual([206, 206])
    expect(second.headers.get('etag')).not.toBe(first.headers.get('etag'))
  },
  'dl.redirect': async ({ url, expected }) => {
    const { status, headers } = await download(url)
    expect([status, headers.get('location')]).toEqual([302, url])
    expect((await download(url)).bytes.equals(expected)).toBe(true)
  },
  'dl.gzip_encoded': async ({ url, expected }) => {
    const response = await fetch(url)
    expect(response.headers.get('content-encoding')).toBe('gzip')
    const bytes = Buffer.from(await response.arrayBuffer())
    expect((bytes.equals(expected) ? bytes : gunzipSync(bytes)).equals(expected)).toBe(true)
  },
  'dl.auth_leak_check': async ({ simulation, url }) => {
    expect((await download(url)).status).toBe(200)
    expect(simulation.sim.violations()).toEqual([])
    await download(url, { headers: { authorization: `Bearer ${simulation.key}` } })
    expect(simulation.sim.violations()).toMatchObject([{ kind: 'authorization_leaked' }])
  },
  'dl.url_host_private': async ({ url }) => {
    expect(new URL(url).host).toBe('10.0.0.1')
  },
  'dl.non_ascii_filename': async ({ url, expected }) => {
    expect(url).toContain('0-vidéo ñandú 火.mp4')
    expect((await download(url)).bytes.equals(expected)).toBe(true)
  },
} satisfies Record<DownloadFaultId, Observe>

describe('an output that meets', () => {
  for (const [id, observe] of Object.entries(OBSERVED)) {
    test(`${id} shows it to the download`, async ({ start }) => {
      const simulation = await start()
      // Object.entries of a literal gives its own keys.
      simulation.sim.runway.fault(id as DownloadFaultId)
      const { id: taskId, url } = await simulation.succeeded()
      await observe({ simulation, id: taskId, url, expected: simulation.sim.runway.expectedOutput(taskId).bytes })
    })
  }

  for (const [to, location] of [
    ['other', /^http:\/\/localhost:\d+\/.*_jwt=/],
    ['metadata', /^http:\/\/169\.254\.169\.254\//],
    ['http', /^http:\/\/downgraded\.invalid\//],
  ] as const) {
    test(`dl.redirect to ${to} points there`, async ({ start }) => {
      const simulation = await start()
      simulation.sim.runway.fault('dl.redirect', { to })
      const { url } = await simulation.succeeded()
      expect((await download(url)).headers.get('location')).toMatch(location)
    })
  }

  test('dl.ok with a type and a size is a file of that type and at least that size', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.fault('dl.ok', { type: 'image/jpeg', size: 200_000 })
    const { url, id } = await simulation.succeeded()
    const { bytes, headers } = await download(url)
    expect(headers.get('content-type')).toBe('image/jpeg')
    expect(bytes.length).toBeGreaterThanOrEqual(200_000)
    expect(bytes.equals(simulation.sim.runway.expectedOutput(id).bytes)).toBe(true)
  })

  test('dl.wrong_type as octet-stream is the right file under a wrong name', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.fault('dl.wrong_type', { type: 'octet-stream' })
    const { url, id } = await simulation.succeeded()
    const { bytes, headers } = await download(url)
    expect(headers.get('content-type')).toBe('application/octet-stream')
    expect(bytes.equals(simulation.sim.runway.expectedOutput(id).bytes)).toBe(true)
  })

  test('a fault of one output leaves the others of the task alone', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.script({
      poll: [{ status: 'SUCCEEDED', wait: true, outputs: [{ type: 'video/mp4' }, { type: 'audio/wav' }] }],
      download: [{ http: 503, index: 1 }],
    })
    const { urls } = await simulation.succeeded()
    const statuses = []
    for (const url of [...urls, ...urls]) statuses.push((await download(url)).status)
    expect(statuses).toEqual([200, 503, 200, 200])
  })
})
