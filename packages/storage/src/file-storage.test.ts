import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openStorage } from './open-storage.ts'
import { collect, randomBytes, sha256, source, storageSuite } from './storage.testsuite.ts'
import type { Storage } from './storage.ts'

const OPTIONS = { contentType: 'text/plain', maxBytes: 1000 }

const filesBelow = async (folder: string) => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.map((entry) => join(entry.parentPath, entry.name)).filter((path) => path !== join(folder, '.meta'))
}

storageSuite('a folder', async () => {
  const root = await mkdtemp(join(tmpdir(), 'storage-'))
  return {
    storage: openStorage(pathToFileURL(root).href),
    leftovers: () => filesBelow(root),
    close: () => rm(root, { recursive: true, force: true }),
  }
})

describe('a folder', () => {
  let base: string
  let root: string
  let storage: Storage
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'storage-'))
    root = join(base, 'made on first use')
    storage = openStorage(pathToFileURL(root).href)
  })
  afterEach(() => rm(base, { recursive: true, force: true }))

  const put = (key: string, content = 'hello') => storage.put(key, source(Buffer.from(content)), OPTIONS)

  test('holds each object as a file under its own key', async () => {
    await put('jobs/1/0.txt')
    expect(await readFile(join(root, 'jobs/1/0.txt'), 'utf8')).toBe('hello')
    expect(await storage.presign('jobs/1/0.txt', { expiresSeconds: 60, contentType: '', filename: '' })).toBeUndefined()
  })

  test('knows the hash as long as the file is the one it wrote', async () => {
    const { sha256: hash } = await put('k')
    expect(hash).toBe(sha256(Buffer.from('hello')))
    expect(await storage.head('k')).toMatchObject({ sha256: hash })
    await writeFile(join(root, 'k'), 'jello')
    await utimes(join(root, 'k'), 1, 1)
    const changed = await storage.head('k')
    expect(changed).toMatchObject({ bytes: 5, contentType: 'text/plain' })
    expect(changed?.sha256).toBeUndefined()
  })

  test('serves a file that somebody else put there, and a broken description harms nobody', async () => {
    await mkdir(join(root, '.meta'), { recursive: true })
    await writeFile(join(root, 'foreign'), 'x')
    await writeFile(join(root, '.meta/foreign.json'), '{')
    expect(await storage.head('foreign')).toMatchObject({ bytes: 1, contentType: 'application/octet-stream' })
  })

  test('shows others the old object until the new one is whole', async () => {
    await put('k', 'old')
    const seen: (string | undefined)[] = []
    const watched = async function* () {
      yield randomBytes(500)
      const object = await storage.get('k')
      seen.push(object && (await text(object.body)))
    }
    await storage.put('k', watched(), OPTIONS)
    expect(seen).toEqual(['old'])
    expect(await storage.head('k')).toMatchObject({ bytes: 500 })
  })

  test('follows no symbolic link out of its root, to read, write, list or delete', async () => {
    const outside = join(base, 'outside')
    await mkdir(outside)
    await writeFile(join(outside, 'secret'), 'secret')
    await put('inside')
    await symlink(outside, join(root, 'link'))
    await symlink(join(outside, 'secret'), join(root, 'file'))
    const refused = { code: 'invalid_key' }
    await expect(put('link/new/x')).rejects.toMatchObject(refused)
    await expect(storage.get('link/secret')).rejects.toMatchObject(refused)
    await expect(storage.head('file')).rejects.toMatchObject(refused)
    await expect(storage.delete('link/secret')).rejects.toMatchObject(refused)
    expect((await collect(storage.list(''))).map(({ key }) => key)).toEqual(['inside'])
    await put('file', 'replaced')
    expect(await readdir(outside)).toEqual(['secret'])
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret')
  })

  test('no mixture of hostile pieces makes a key that leaves the root', async () => {
    const pieces = ['..', '.', '', '/', '\\', '\0', '%2e%2e', 'a', '...', '~', '..\u2215', '.meta', 'C:', '\ud800']
    let accepted = 0
    for (let seed = 0; seed < 400; seed += 1) {
      const key = [seed % 14, (seed * 7) % 13, (seed * 11) % 12].map((n) => pieces[n]).join(seed % 3 === 0 ? '' : '/')
      const outcome = await put(key).catch((error) => error.code)
      if (typeof outcome === 'object') accepted += 1
      else expect(outcome, JSON.stringify(key)).toBe('invalid_key')
    }
    expect(accepted).toBeGreaterThan(0)
    expect(await readdir(base)).toEqual(['made on first use'])
  })

  test('a key that runs through an object, or names a folder of objects, is refused before a byte is read', async () => {
    await put('a')
    await put('b/c')
    await expect(put('a/x')).rejects.toMatchObject({ code: 'invalid_key' })
    await expect(put('b')).rejects.toMatchObject({ code: 'invalid_key' })
    expect([await storage.head('b'), await storage.get('a/x')]).toEqual([undefined, undefined])
    await storage.delete('b')
    expect(await storage.head('b/c')).toMatchObject({ bytes: 5 })
  })

  test('puts and deletes in one folder at once do not disturb each other', async () => {
    const work = Array.from({ length: 20 }, async (_, n) => {
      await put(`shared/deep/${n}`)
      await storage.delete(`shared/deep/${n}`)
    })
    await Promise.all(work)
    expect(await filesBelow(root)).toEqual([])
  })

  test('what a killed process left beside a key is removed with the next put of that key', async () => {
    await put('jobs/1')
    const [old, fresh, other] = ['.1.a.part', '.1.b.part', '.2.c.part'].map((name) => join(root, 'jobs', name))
    for (const path of [old, fresh, other]) await writeFile(path ?? '', 'half')
    for (const path of [old, other]) await utimes(path ?? '', 1, 1)
    await put('jobs/1')
    expect((await readdir(join(root, 'jobs'))).sort()).toEqual(['.1.b.part', '.2.c.part', '1'])
    expect(await collect(storage.list(''))).toHaveLength(1)
  })

  test('a disk that refuses is told as such', async () => {
    await writeFile(join(base, 'file'), '')
    const broken = openStorage(pathToFileURL(join(base, 'file', 'below')).href)
    await expect(broken.check(AbortSignal.timeout(1_000))).rejects.toMatchObject({ name: 'StorageError' })
  })
})
