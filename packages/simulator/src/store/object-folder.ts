import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

/** What an object carries besides its bytes. */
const ObjectHead = z.object({
  key: z.string(),
  etag: z.string(),
  contentType: z.string(),
  /** Cache-Control and the like, given back as they came. */
  headers: z.record(z.string(), z.string()),
  metadata: z.record(z.string(), z.string()),
  crc32: z.string(),
  lastModified: z.coerce.date(),
})

export type StoredObject = z.infer<typeof ObjectHead> & { body: Buffer }

/** Keeps a bucket's objects over a restart: one file an object, its head as a line of JSON before its bytes. */
export class ObjectFolder {
  readonly #folder: string
  #work: Promise<void> = Promise.resolve()

  constructor(folder: string) {
    this.#folder = folder
  }

  async load(): Promise<StoredObject[]> {
    await mkdir(this.#folder, { recursive: true })
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith('.object'))
    return Promise.all(
      names.map(async (name) => {
        const bytes = await readFile(join(this.#folder, name))
        const end = bytes.indexOf('\n')
        const head = ObjectHead.parse(JSON.parse(bytes.toString('utf8', 0, end)))
        return { ...head, body: bytes.subarray(end + 1) }
      }),
    )
  }

  write({ body, ...head }: StoredObject): Promise<void> {
    return this.#inTurn(async () => {
      const path = this.#pathOf(head.key)
      await writeFile(`${path}.part`, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]))
      await rename(`${path}.part`, path)
    })
  }

  remove(key: string): Promise<void> {
    return this.#inTurn(() => rm(this.#pathOf(key), { force: true }))
  }

  // In the order of the calls, so that the disk ends up with what memory ended up with.
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work)
    this.#work = done.catch(() => undefined)
    return done
  }

  #pathOf(key: string): string {
    return join(this.#folder, `${createHash('sha256').update(key).digest('hex')}.object`)
  }
}
