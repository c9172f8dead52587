import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const CACHE = fileURLToPath(new URL('../.data/redis', import.meta.url))
const CACHED_BINARY = join(CACHE, 'debian', 'redis-server')
const { GENQUEUE_IGNORE_SYSTEM_REDIS } = process.env
const isSystemIgnored = GENQUEUE_IGNORE_SYSTEM_REDIS === '1'

/**
 * A redis-server that runs here: the system's, else the one kept in `.data/redis`, else (`install`) Debian's package,
 * installed as root or unpacked into `.data/redis` without root. `undefined` when there is none to be had; why not is
 * printed to stderr.
 */
export async function ensureRedisServer({ install }: { install: boolean }): Promise<string | undefined> {
  const found = (await findOnPath()) ?? (await thatRuns(CACHED_BINARY))
  if (found !== undefined || !install) return found
  try {
    if (process.getuid?.() === 0 && !isSystemIgnored) return await installAsRoot()
    return await unpackWithoutRoot()
  } catch (error) {
    console.error(
      `redis-server is missing and could not be installed: ${error instanceof Error ? error.message : error}`,
    )
    console.error('Install it and try again: `apt-get install redis-server`, `dnf install redis`, `brew install redis`')
    console.error('or set REDIS_SERVER to the path of a redis-server or valkey-server binary.')
    return undefined
  }
}

async function findOnPath(): Promise<string | undefined> {
  const { REDIS_SERVER, PATH = '' } = process.env
  if (REDIS_SERVER) return thatRuns(REDIS_SERVER)
  if (isSystemIgnored) return undefined
  for (const folder of [...PATH.split(delimiter), '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin']) {
    for (const name of ['redis-server', 'valkey-server']) {
      const binary = await thatRuns(join(folder, name))
      if (binary !== undefined) return binary
    }
  }
  return undefined
}

async function thatRuns(binary: string): Promise<string | undefined> {
  const version = await run(binary, ['--version']).catch(() => undefined)
  return version === undefined ? undefined : binary
}

async function installAsRoot(): Promise<string> {
  console.error('Installing redis-server with apt-get (this machine has none)')
  // A source that cannot be reached is no reason to stop while another one has the package.
  await aptGet('update').catch(() => {})
  await aptGet('-y', '--no-install-recommends', 'install', 'redis-server')
  const binary = await thatRuns('/usr/bin/redis-server')
  if (binary === undefined) throw new Error('apt-get installed it, but /usr/bin/redis-server does not run')
  return binary
}

async function unpackWithoutRoot(): Promise<string> {
  console.error("Unpacking Debian's redis-server into .data/redis (no root needed)")
  await mkdir(CACHE, { recursive: true })
  const work = await mkdtemp(join(CACHE, 'unpack-'))
  try {
    const tree = join(work, 'tree')
    for (const archive of await download(work)) await run('dpkg', ['-x', archive, tree])
    await writeWrapper(tree)
    // Whoever is first wins; the loser's tree is thrown away with its folder.
    await rename(tree, join(CACHE, 'debian')).catch(() => {})
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  const { stderr } = await run(CACHED_BINARY, ['--version'])
  if (stderr !== '') throw new Error(stderr)
  return CACHED_BINARY
}

/** Fetches redis and every library of its that the machine lacks, with apt's state in a folder of our own. */
async function download(work: string): Promise<string[]> {
  await mkdir(join(work, 'lists/partial'), { recursive: true })
  await mkdir(join(work, 'cache/archives/partial'), { recursive: true })
  const settings = {
    'Dir::State': work,
    'Dir::State::lists': join(work, 'lists'),
    'Dir::State::status': '/var/lib/dpkg/status',
    'Dir::Cache': join(work, 'cache'),
    'Debug::NoLocking': '1',
  }
  const apt = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  await aptGet(...apt, 'update').catch(() => {})
  // --reinstall: an installed package is fetched too. Dependencies the machine already has are not.
  const install = [
    '--no-install-recommends',
    '--download-only',
    '--reinstall',
    'install',
    'redis-server',
    'redis-tools',
  ]
  await aptGet(...apt, '-y', ...install)
  const archives = join(work, 'cache/archives')
  const names = (await readdir(archives)).filter((name) => name.endsWith('.deb'))
  return names.map((name) => join(archives, name))
}

async function aptGet(...args: string[]): Promise<void> {
  await run('apt-get', ['-qq', ...args], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
}

/** The unpacked binary finds its libraries beside itself, wherever the repository is moved to. */
async function writeWrapper(tree: string): Promise<void> {
  const files = await readdir(tree, { recursive: true, withFileTypes: true })
  const folders = new Set(files.filter(({ name }) => /\.so(\.\d+)*$/.test(name)).map(({ parentPath }) => parentPath))
  const libraries = [...folders].map((folder) => `$here${folder.slice(tree.length)}`).join(':')
  const lines = [
    '#!/bin/sh',
    'here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)',
    `LD_LIBRARY_PATH="${libraries}" exec "$here/usr/bin/redis-server" "$@"`,
  ]
  const wrapper = join(tree, 'redis-server')
  await writeFile(wrapper, `${lines.join('\n')}\n`)
  await chmod(wrapper, 0o755)
}

if (import.meta.main) console.log((await ensureRedisServer({ install: true })) ?? 'none')
