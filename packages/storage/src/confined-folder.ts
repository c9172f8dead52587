import { randomUUID } from 'node:crypto'
import { constants, type Dirent, type Stats } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf, isMissing } from './file-failure.ts'
import { StorageError } from './storage-error.ts'

const ATTEMPTS = 10
/** A temporary file that nobody wrote to for so long belongs to a process that died. */
const ABANDONED_MS = 3600_000

/**
 * Files under one root, named by checked keys. No path through a symbolic link is followed, so nothing outside the root
 * is ever read or written. Folders come with the first file in them and go with the last.
 */
export class ConfinedFolder {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  /** The path of an existing file or folder; undefined where there is none. */
  async find(key: string): Promise<string | undefined> {
    try {
      return await this.#walk(key.split('/'), async () => undefined)
    } catch (error) {
      if (isMissing(error) || errnoOf(error) === 'ENOTDIR') return undefined
      throw error
    }
  }

  /** Writes beside the place and renames when all is on disk: others see the old file or the whole new one. */
  async write(
    key: string,
    fill: (file: FileHandle) => Promise<void>,
    beforeRename?: (file: FileHandle) => Promise<void>,
  ) {
    const { file, temporary, path } = await this.#openBeside(key)
    try {
      try {
        await fill(file)
        await file.sync()
        await beforeRename?.(file)
      } finally {
        await file.close()
      }
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      await this.#prune(key)
      throw error
    }
    await syncFolder(dirname(path))
  }

  /** Every file under the folder that the segments name, hidden ones apart. */
  async *files(segments: readonly string[]): AsyncGenerator<string> {
    const folder = segments.length === 0 ? this.#root : await this.find(segments.join('/'))
    if (folder === undefined) return
    for (const entry of await entriesOf(folder)) {
      if (entry.name.startsWith('.')) continue
      const below = [...segments, entry.name]
      if (entry.isDirectory()) yield* this.files(below)
      else if (entry.isFile()) yield below.join('/')
    }
  }

  async remove(key: string): Promise<void> {
    const path = await this.find(key)
    if (path === undefined || (await lstatIfAny(path))?.isDirectory()) return
    await rm(path, { force: true })
    await this.#prune(key)
  }

  async #openBeside(key: string): Promise<{ file: FileHandle; temporary: string; path: string }> {
    const folders = key.split('/').slice(0, -1)
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { folder, isNew } = await this.#makeFolders(folders)
        const path = join(folder, basename(key))
        if (!isNew) {
          if ((await lstatIfAny(path))?.isDirectory())
            throw new StorageError('invalid_key', 'The key names a folder of objects')
          await removeAbandoned(folder, `.${basename(key)}.`)
        }
        const temporary = join(folder, `.${basename(key)}.${randomUUID()}.part`)
        return { file: await open(temporary, flags, 0o640), temporary, path }
      } catch (error) {
        // There is no root yet, or somebody removed the last object of the folder between two steps.
        if (!isMissing(error) || attempt === ATTEMPTS) throw error
        await mkdir(this.#root, { recursive: true })
      }
    }
  }

  /** Most objects are the first of their folder: to make it is cheaper than to look for it in vain. */
  async #makeFolders(segments: readonly string[]): Promise<{ folder: string; isNew: boolean }> {
    const parent = await this.#walk(segments.slice(0, -1), makeFolder)
    const last = segments.at(-1)
    if (last === undefined) return { folder: parent, isNew: false }
    const folder = join(parent, last)
    if (await makeFolder(folder)) return { folder, isNew: true }
    return { folder: await this.#walk(segments, makeFolder), isNew: false }
  }

  async #walk(segments: readonly string[], onMissing: (path: string) => Promise<unknown>): Promise<string> {
    let path = this.#root
    for (const [index, segment] of segments.entries()) {
      path = join(path, segment)
      const found = await lstat(path).catch(async (error) => {
        if (!isMissing(error)) throw error
        await onMissing(path)
        return lstat(path)
      })
      if (found.isSymbolicLink()) throw new StorageError('invalid_key', 'The key runs through a symbolic link')
      const isLast = index === segments.length - 1
      if (!isLast && !found.isDirectory()) throw Object.assign(new Error(`${path} is no folder`), { code: 'ENOTDIR' })
    }
    return path
  }

  async #prune(key: string): Promise<void> {
    const folders = key.split('/').slice(0, -1)
    while (folders.length > 0) {
      try {
        await rmdir(join(this.#root, ...folders))
      } catch {
        return // It holds something, or somebody else was faster.
      }
      folders.pop()
    }
  }
}

async function removeAbandoned(folder: string, start: string): Promise<void> {
  for (const { name } of await entriesOf(folder)) {
    if (!name.startsWith(start) || !name.endsWith('.part')) continue
    const path = join(folder, name)
    const mtimeMs = (await lstatIfAny(path))?.mtimeMs ?? Date.now()
    if (Date.now() - mtimeMs > ABANDONED_MS) await rm(path, { force: true })
  }
}

async function lstatIfAny(path: string): Promise<Stats | undefined> {
  return lstat(path).catch((error) => {
    if (!isMissing(error)) throw error
    return undefined
  })
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch((error) => {
    if (!isMissing(error) && errnoOf(error) !== 'ENOTDIR') throw error
    return []
  })
}

/** False where there is something already. */
async function makeFolder(path: string): Promise<boolean> {
  return mkdir(path).then(
    () => true,
    (error) => {
      if (errnoOf(error) !== 'EEXIST') throw error
      return false
    },
  )
}

/** Makes the rename itself survive a power cut. Windows cannot open a folder. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  try {
    const folder = await open(path, constants.O_RDONLY)
    await folder.sync().finally(() => folder.close())
  } catch (error) {
    if (!isMissing(error)) throw error // Missing: the object was deleted and its folder with it.
  }
}
