import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { Bucket } from './bucket.ts'
import { type FaultRule, Faults, type InjectedFault } from './faults.ts'
import type { JournalEntry } from './journal.ts'
import { ObjectFolder, type StoredObject } from './object-folder.ts'
import { serve } from './serve.ts'
import type { Credentials } from './signature.ts'

export interface StoreOptions {
  port?: number
  host?: string
  /** The name under which clients reach the store, where it differs from the address it listens on. */
  publicHost?: string
  region?: string
  /** The bucket that is there from the start. */
  bucket?: string
  credentials?: Credentials
  /** A folder in which the objects survive a restart; without it they live in memory only. */
  directory?: string
  /** The most keys a listing gives at a time. */
  listPageKeys?: number
  /** The store's clock, for skew and expiry. */
  now?: () => number
}

export interface Store extends Credentials {
  readonly url: string
  readonly region: string
  readonly bucket: string
  /** The objects of the first bucket. */
  objects(): StoredObject[]
  get(key: string): StoredObject | undefined
  openUploads(): { key: string; uploadId: string; parts: number }[]
  fault(rule: FaultRule): InjectedFault
  /** Every request that reached the store, oldest first; the last ten thousand. */
  readonly journal: readonly JournalEntry[]
  close(): Promise<void>
}

/** An S3-compatible store, strict about signatures, checksums and conditions, that can be told to fail. */
export async function startStore(options: StoreOptions = {}): Promise<Store> {
  const { host = '127.0.0.1', region = 'us-east-1', bucket: name = 'genqueue', now = Date.now } = options
  const credentials = options.credentials ?? { accessKeyId: 'genqueue', secretAccessKey: 'genqueue-secret' }
  const openBucket = async (bucketName: string) => {
    if (options.directory === undefined) return new Bucket(bucketName)
    const folder = new ObjectFolder(join(options.directory, bucketName))
    return new Bucket(bucketName, folder, await folder.load())
  }
  const buckets = new Map([[name, await openBucket(name)]])
  for (const other of await foldersIn(options.directory)) {
    if (!buckets.has(other)) buckets.set(other, await openBucket(other))
  }

  const faults = new Faults()
  const journal: JournalEntry[] = []
  const listPageKeys = options.listPageKeys ?? 1000
  const world = { buckets, openBucket, faults, journal, credentials, region, now, listPageKeys }
  const server = createServer((request, response) => {
    serve(world, request, response).catch((error: Error) => response.destroy(error))
  })
  server.keepAliveTimeout = 60_000
  server.listen(options.port ?? 0, host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The store listens on no TCP port')

  const first = () => buckets.get(name) ?? new Bucket(name)
  return {
    url: `http://${options.publicHost ?? host}:${address.port}`,
    region,
    bucket: name,
    ...credentials,
    objects: () => [...first().objects.values()],
    get: (key) => first().objects.get(key),
    openUploads: () =>
      [...first().uploads.values()].map(({ key, uploadId, parts }) => ({ key, uploadId, parts: parts.size })),
    fault: (rule) => faults.add(rule),
    journal,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function foldersIn(directory: string | undefined): Promise<string[]> {
  if (directory === undefined) return []
  const entries = await readdir(directory, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}
