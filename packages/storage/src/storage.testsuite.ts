import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Storage } from './storage.ts'

/** A storage under test, and what really lies in it: objects, temporary files, open uploads. */
export interface StorageUnderTest {
  storage: Storage
  leftovers(): Promise<string[]>
  close(): Promise<void>
}

export const MIB = 1024 * 1024
const WIDE = { contentType: 'video/mp4', maxBytes: 100 * MIB }
const SIZES = { small: 1000, large: 12 * MIB }

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
export const randomBytes = (size: number) => Buffer.alloc(size, sha256(Buffer.from(String(size))))

/** The bytes in chunks of an awkward size; then it ends, fails, or falls silent. */
export async function* source(bytes: Uint8Array, end?: Error | 'silence'): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 99_991) yield bytes.subarray(at, at + 99_991)
  if (end === 'silence') await new Promise(() => undefined)
  if (end instanceof Error) throw end
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** What every storage promises. */
export function storageSuite(name: string, open: () => Promise<StorageUnderTest>): void {
  describe(name, () => {
    let world: StorageUnderTest
    let storage: Storage
    beforeEach(async () => {
      world = await open()
      storage = world.storage
    })
    afterEach(() => world.close())

    const readText = async (key: string, range?: { start: number; end?: number }) => {
      const object = await storage.get(key, range && { range })
      return object && { text: await text(object.body), range: object.range, bytes: object.info.bytes }
    }

    test.each([1, 1000, 5 * MIB, 12 * MIB + 7])('%d bytes come back as they were, counted and hashed', async (size) => {
      const bytes = randomBytes(size)
      const stored = await storage.put('jobs/job_1/0.mp4', source(bytes), { ...WIDE, metadata: { job: 'job_1' } })
      const expected = { bytes: size, contentType: 'video/mp4' }
      expect(stored).toMatchObject({ key: 'jobs/job_1/0.mp4', sha256: sha256(bytes), ...expected })
      const info = await storage.head('jobs/job_1/0.mp4')
      expect(info).toMatchObject({ ...expected, etag: stored.etag, metadata: { job: 'job_1' } })
      expect(Math.abs(Date.now() - (info?.lastModified.getTime() ?? 0))).toBeLessThan(60_000)
      const object = await storage.get('jobs/job_1/0.mp4')
      expect(object?.info).toEqual(info)
      expect(object?.range).toBeUndefined()
      expect(bytes.equals(await buffer(object?.body ?? Readable.from([])))).toBe(true)
    })

    test('a put overwrites, and what is absent is undefined', async () => {
      expect([await storage.head('k'), await storage.get('k')]).toEqual([undefined, undefined])
      await storage.put('k', source(randomBytes(2000)), WIDE)
      await storage.put('k', source(Buffer.from('second')), { ...WIDE, contentType: 'text/plain' })
      expect(await readText('k')).toMatchObject({ text: 'second' })
      expect(await storage.head('k')).toMatchObject({ bytes: 6, contentType: 'text/plain' })
    })

    test('of two puts at once one whole object remains', async () => {
      const bodies = ['a', 'b'].map((letter) => Buffer.alloc(SIZES.large, letter))
      await Promise.all(bodies.map((bytes) => storage.put('k', source(bytes), WIDE)))
      const object = await storage.get('k')
      const found = await buffer(object?.body ?? Readable.from([]))
      expect(bodies.some((bytes) => bytes.equals(found))).toBe(true)
    })

    test('delete removes an object and is idempotent', async () => {
      await storage.put('a/b/c', source(Buffer.from('x')), WIDE)
      await Promise.all([storage.delete('a/b/c'), storage.delete('a/b/c')])
      await storage.delete('a/b/c')
      expect(await storage.head('a/b/c')).toBeUndefined()
      expect(await world.leftovers()).toEqual([])
    })

    test.each([
      [{ start: 1, end: 3 }, 'ell', { start: 1, end: 3 }],
      [{ start: 2 }, 'llo', { start: 2, end: 4 }],
      [{ start: 0, end: 99 }, 'hello', { start: 0, end: 4 }],
    ])('the range %o gives that part and says which', async (range, expected, given) => {
      await storage.put('k', source(Buffer.from('hello')), WIDE)
      expect(await readText('k', range)).toEqual({ text: expected, range: given, bytes: 5 })
    })

    test('a range behind the end is refused', async () => {
      await storage.put('k', source(Buffer.from('hello')), WIDE)
      await expect(readText('k', { start: 5 })).rejects.toMatchObject({ code: 'invalid_range', retryable: false })
    })

    test('an empty source is refused unless the caller allows it', async () => {
      const empty = storage.put('k', source(Buffer.alloc(0)), WIDE)
      await expect(empty).rejects.toMatchObject({ code: 'empty', retryable: false })
      expect(await world.leftovers()).toEqual([])
      await storage.put('k', source(Buffer.alloc(0)), { ...WIDE, allowEmpty: true })
      expect(await storage.head('k')).toMatchObject({ bytes: 0 })
      expect(await readText('k')).toMatchObject({ text: '' })
    })

    test.each(Object.entries(SIZES))('a %s source may hold maxBytes and not one more', async (_, size) => {
      const over = storage.put('k', source(randomBytes(size + 1)), { ...WIDE, maxBytes: size })
      await expect(over).rejects.toMatchObject({ code: 'too_large', retryable: false })
      expect(await world.leftovers()).toEqual([])
      await storage.put('k', source(randomBytes(size)), { ...WIDE, maxBytes: size })
      expect(await storage.head('k')).toMatchObject({ bytes: size })
    })

    describe.each(Object.entries(SIZES))('a %s source', (_, size) => {
      test.each(['generator', 'stream'])(
        'that fails (%s) leaves nothing and is told with its own error',
        async (kind) => {
          const cause = new Error('upstream reset')
          const failing = source(randomBytes(size), cause)
          const put = storage.put('k', kind === 'stream' ? Readable.from(failing) : failing, WIDE)
          await expect(put).rejects.toMatchObject({
            name: 'StorageError',
            code: 'source_failed',
            retryable: true,
            cause,
          })
          expect(await world.leftovers()).toEqual([])
        },
      )

      test('that fails leaves the object of before', async () => {
        await storage.put('k', source(Buffer.from('before')), WIDE)
        await expect(storage.put('k', source(randomBytes(size), new Error('reset')), WIDE)).rejects.toThrow()
        expect(await readText('k')).toMatchObject({ text: 'before' })
        expect(await storage.head('k')).toMatchObject({ bytes: 6 })
      })

      test.each(['generator', 'stream'])(
        'that falls silent (%s) ends when the signal aborts, leaving nothing',
        async (kind) => {
          const abort = new AbortController()
          const silent = source(randomBytes(size), 'silence')
          const body = kind === 'stream' ? Readable.from(silent) : silent
          const put = storage.put('k', body, { ...WIDE, signal: abort.signal })
          setTimeout(() => abort.abort(new Error('shutting down')), 50)
          await expect(put).rejects.toMatchObject({ code: 'aborted', cause: { message: 'shutting down' } })
          if (body instanceof Readable) expect(body.destroyed).toBe(true)
          expect(await world.leftovers()).toEqual([])
        },
      )
    })

    test('a signal that aborted before is obeyed without reading the source', async () => {
      const body = Readable.from(source(Buffer.from('x')))
      const put = storage.put('k', body, { ...WIDE, signal: AbortSignal.abort() })
      await expect(put).rejects.toMatchObject({ code: 'aborted', retryable: false })
      expect([body.readableDidRead, body.destroyed]).toEqual([false, true])
      await expect(storage.get('k', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' })
    })

    test('a source of anything but bytes is refused', async () => {
      const words = Readable.from(['not', 'bytes'])
      await expect(storage.put('k', words, WIDE)).rejects.toMatchObject({ code: 'source_failed' })
    })

    test('an abort ends a body that is being read', async () => {
      await storage.put('k', source(randomBytes(SIZES.large)), WIDE)
      const abort = new AbortController()
      const object = await storage.get('k', { signal: abort.signal })
      const reading = async () => {
        for await (const _ of object?.body ?? []) abort.abort()
      }
      await expect(reading()).rejects.toMatchObject({ code: 'aborted' })
    })

    test.each([
      ['empty', ''],
      ['absolute', '/etc/passwd'],
      ['a way out at once', '../x'],
      ['a way out further on', 'a/../../x'],
      ['a way out at the end', 'a/..'],
      ['a dot', './a'],
      ['an empty segment', 'a//b'],
      ['a slash at the end', 'a/'],
      ['our own folder', '.meta/k.json'],
      ['backslashes', 'a\\..\\b'],
      ['NUL', 'a\0b'],
      ['a line break', 'a\nb'],
      ['half a surrogate pair', 'a\ud800'],
      ['too long a segment', 'é'.repeat(101)],
      ['too long', `${'a/'.repeat(450)}a`],
    ])('a key that is or holds %s is refused everywhere', async (_, key) => {
      const body = Readable.from(source(Buffer.from('x')))
      const refused = { code: 'invalid_key', retryable: false }
      await expect(storage.put(key, body, WIDE)).rejects.toMatchObject(refused)
      expect(body.destroyed).toBe(true)
      await expect(storage.head(key)).rejects.toMatchObject(refused)
      await expect(storage.get(key)).rejects.toMatchObject(refused)
      await expect(storage.delete(key)).rejects.toMatchObject(refused)
      expect(await world.leftovers()).toEqual([])
    })

    test('names with spaces, signs and other alphabets are kept', async () => {
      const keys = ["a b/c+d&e=f#g?h%2F'(1)!*~.txt", 'jobs/日本語/é.png', 'CON', 'a:b', '…/x']
      for (const key of keys) await storage.put(key, source(Buffer.from(key)), WIDE)
      for (const key of keys) expect(await readText(key)).toMatchObject({ text: key })
      const listed = await collect(storage.list(''))
      expect(listed.map(({ key }) => key).sort()).toEqual(keys.sort())
    })

    test('a listing holds the keys that start with the prefix', async () => {
      for (const key of ['jobs/1/0', 'jobs/10/0', 'jobs/2/0', 'other'])
        await storage.put(key, source(Buffer.from(key)), WIDE)
      const keys = async (prefix: string) => (await collect(storage.list(prefix))).map(({ key }) => key).sort()
      expect(await keys('jobs/1')).toEqual(['jobs/1/0', 'jobs/10/0'])
      expect(await keys('jobs/1/')).toEqual(['jobs/1/0'])
      expect(await keys('nothing/')).toEqual([])
      const [only] = await collect(storage.list('other'))
      expect(only).toMatchObject({ key: 'other', bytes: 5 })
      expect(Math.abs(Date.now() - (only?.lastModifiedMs ?? 0))).toBeLessThan(60_000)
      await expect(collect(storage.list('../'))).rejects.toMatchObject({ code: 'invalid_key' })
    })

    test('a check succeeds and leaves nothing', async () => {
      await storage.check(AbortSignal.timeout(5_000))
      expect(await world.leftovers()).toEqual([])
      await expect(storage.check(AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' })
    })
  })
}
