import { gunzipSync } from 'node:zlib'
import { describe, expect } from 'vitest'
import type { DOWNLOAD_FAULTS } from '../assets/download-faults.ts'
import { download } from '../simulation.fixture.ts'
import { dataOf, test, type Vendor } from './vendor.fixture.ts'

interface Made {
  readonly vendor: Vendor
  readonly uuid: string
  readonly url: string
  readonly expected: Buffer
}
type Observe = (made: Made) => Promise<void>

const answers =
  (status: number): Observe =>
  async ({ url, expected }) => {
    expect((await download(url)).status).toBe(status)
    expect((await download(url)).bytes.equals(expected), 'the second download').toBe(true)
  }
/** Unlike at Runway, asking again gives the same URL, which stays dead. */
const expires =
  (status: number): Observe =>
  async ({ vendor, uuid, url }) => {
    expect((await download(url)).status).toBe(status)
    const [item] = dataOf(await vendor.poll(uuid))
    expect(item?.videoURL).toBe(url)
    expect((await download(url)).status).toBe(status)
  }
const breaksOff: Observe = async ({ url, expected }) => {
  const response = await fetch(url, { signal: AbortSignal.timeout(300) })
  let bytes = 0
  const read = async (): Promise<void> => {
    for await (const chunk of response.body ?? []) bytes += chunk.length
  }
  await expect(read()).rejects.toThrow()
  expect([bytes, Number(response.headers.get('content-length'))]).toEqual([
    Math.floor(expected.length / 2),
    expected.length,
  ])
}

const OBSERVED = {
  'dl.expired_401': expires(401),
  'dl.expired_403': expires(403),
  'dl.404': answers(404),
  'dl.5xx': answers(503),
  'dl.429': answers(429),
  'dl.zero_bytes': async ({ url, expected }) => {
    const { status, bytes } = await download(url)
    expect([status, bytes.length]).toEqual([200, 0])
    expect((await download(url)).bytes.equals(expected)).toBe(true)
  },
  'dl.truncated': breaksOff,
  'dl.no_content_length': async ({ url, expected }) => {
    const { headers, bytes } = await download(url)
    expect([headers.get('content-length'), bytes.equals(expected)]).toEqual([null, true])
  },
  'dl.wrong_type': async ({ url }) => {
    const { status, headers } = await download(url)
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  },
  'dl.huge': async ({ url, expected }) => {
    const controller = new AbortController()
    const response = await fetch(url, { signal: controller.signal })
    let bytes = 0
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length
      if (bytes > 20 * expected.length) break
    }
    expect(bytes).toBeGreaterThan(20 * expected.length)
  },
  'dl.slow': async ({ vendor, url, expected }) => {
    const downloading = download(url)
    await expect.poll(() => vendor.sim.journal().at(-1)?.path).toContain('/video/')
    vendor.sim.clock.advance(1000)
    expect(vendor.sim.journal().at(-1)).toMatchObject({ fate: 'open' })
    vendor.sim.clock.advance(10_000)
    expect((await downloading).bytes.equals(expected)).toBe(true)
  },
  'dl.stall_midway': breaksOff,
  'dl.range_unsupported': async ({ url, expected }) => {
    const { status, bytes } = await download(url, { headers: { range: 'bytes=10-19' } })
    expect([status, bytes.equals(expected)]).toEqual([200, true])
  },
  'dl.range_ok': async ({ url, expected }) => {
    const { status, bytes } = await download(url, { headers: { range: 'bytes=10-19' } })
    expect([status, bytes.equals(expected.subarray(10, 20))]).toEqual([206, true])
  },
  'dl.etag_changes_between_ranges': async ({ url }) => {
    const etags = [(await download(url)).headers.get('etag'), (await download(url)).headers.get('etag')]
    expect(new Set(etags).size).toBe(2)
  },
  'dl.redirect': async ({ url, expected }) => {
    const { status, headers } = await download(url)
    expect([status, headers.get('location')]).toEqual([302, url])
    expect((await download(url)).bytes.equals(expected)).toBe(true)
  },
  'dl.gzip_encoded': async ({ url, expected }) => {
    const response = await fetch(url, { headers: { 'accept-encoding': 'identity' } })
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(response.headers.get('content-encoding')).toBe('gzip')
    expect((bytes.equals(expected) ? bytes : gunzipSync(bytes)).equals(expected)).toBe(true)
  },
  'dl.auth_leak_check': async ({ vendor, url }) => {
    await download(url, { headers: { authorization: 'Bearer secret' } })
    expect(vendor.sim.violations()).toMatchObject([{ kind: 'authorization_leaked' }])
  },
  'dl.url_host_private': async ({ url }) => {
    expect(new URL(url).host).toBe('10.0.0.1')
  },
  'dl.non_ascii_filename': async ({ url, expected }) => {
    expect(url).toMatch(/-vidéo ñandú 火\.mp4$/)
    expect((await download(url)).bytes.equals(expected)).toBe(true)
  },
} satisfies Record<keyof typeof DOWNLOAD_FAULTS, Observe>

describe('a Runware output that meets', () => {
  for (const [id, observe] of Object.entries(OBSERVED)) {
    test(`${id} shows it on the wire`, async ({ vendor }) => {
      const given = await vendor()
      // Object.entries of a literal gives its own keys.
      given.runware.fault(id as keyof typeof DOWNLOAD_FAULTS)
      const { uuid, url } = await given.finished()
      await observe({ vendor: given, uuid, url, expected: given.runware.expectedOutput(uuid).bytes })
    })
  }
})
