import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { parseEnv } from 'node:util'
import { parseConfig } from '@genqueue/api'
import { JobErrorCode, PROBLEMS } from '@genqueue/contract'
import { readWorkerConfig } from '@genqueue/worker'
import { expect, test } from 'vitest'
import { ROOT } from '../scripts/source-files.ts'

const read = (path: string) => readFile(join(ROOT, path), 'utf8')

async function pages(): Promise<string[]> {
  const found = await Promise.all(
    ['docs', 'docs/decisions', 'bench', 'examples'].map(async (folder) =>
      (await readdir(join(ROOT, folder))).map((name) => join(folder, name)),
    ),
  )
  return ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...found.flat().filter((path) => path.endsWith('.md'))]
}

/** As GitHub makes an anchor of a heading. */
function anchorsOf(page: string): Set<string> {
  const headings = [...page.replaceAll(/```[\s\S]*?```/g, '').matchAll(/^#+ (.+)$/gm)]
  const toAnchor = (heading: string) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
  return new Set(headings.map(([, heading = '']) => toAnchor(heading)))
}

test('every link of the documentation leads to a file, and to a heading where it names one', async () => {
  const broken: string[] = []
  for (const page of await pages()) {
    const text = (await read(page)).replaceAll(/```[\s\S]*?```/g, '')
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), path))
      const info = await stat(join(ROOT, file)).catch(() => undefined)
      const hasAnchor = anchor === undefined || (info?.isFile() && anchorsOf(await read(file)).has(anchor))
      if (!info || !hasAnchor) broken.push(`${page}: ${target}`)
    }
  }
  expect(broken).toEqual([])
})

test('what the README shows of an example is that example', async () => {
  const readme = await read('README.md')
  const shown = [...readme.matchAll(/<!-- (examples\/\S+) -->\n```ts\n([\s\S]*?)```/g)]
  expect(shown.length).toBeGreaterThan(0)
  for (const [, path = '', code] of shown) expect(code, path).toBe(await read(path))
})

test('every code that an answer or a failed job may carry is explained in docs/api.md', async () => {
  const page = await read('docs/api.md')
  const codes = [...Object.keys(PROBLEMS), ...JobErrorCode.options]
  expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
})

async function settingsOf(app: 'api' | 'worker'): Promise<string[]> {
  const [, fields = ''] =
    /^const Env = z\.object\(\{\n([\s\S]*?)^\}\)/m.exec(await read(`apps/${app}/src/config.ts`)) ?? []
  return [...fields.matchAll(/^ {2}([A-Z][A-Z0-9_]+):/gm)].map(([, name = '']) => name)
}

/** Variables of `.env.example`; what is commented out there shows the usual value. */
async function exampleEnv() {
  const text = await read('.env.example')
  const names = [...text.matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)].map(([, name = '']) => name)
  const commented = [...text.matchAll(/^#([A-Z][A-Z0-9_]*=.*)$/gm)].map(([, line = '']) => line)
  return { names, usual: parseEnv(commented.join('\n')) }
}

test('every setting of API and worker stands in the README and in .env.example, and nothing else does', async () => {
  const settings = new Set([...(await settingsOf('api')), ...(await settingsOf('worker'))])
  expect(settings.size).toBeGreaterThan(40)
  const [, table = ''] = /## Configuration\n([\s\S]*?)\n## /.exec(await read('README.md')) ?? []
  const inReadme = [...table.matchAll(/^\| `([A-Z][A-Z0-9_]+)` \|/gm)].map(([, name = '']) => name)
  const isForAws = (name: string) => name.startsWith('AWS_')
  expect(inReadme.filter((name) => !isForAws(name)).toSorted()).toEqual(
    [...settings].filter((name) => !isForAws(name)).toSorted(),
  )

  const { names } = await exampleEnv()
  const compose = await read('docker-compose.yml')
  const isForCompose = (name: string) => name.startsWith('COMPOSE_') || compose.includes(`\${${name}:-`)
  expect([...settings].filter((name) => !names.includes(name))).toEqual([])
  expect(names.filter((name) => !settings.has(name) && !isForAws(name) && !isForCompose(name))).toEqual([])
})

test('the usual values in .env.example and in the README are those of the programs', async () => {
  const { usual } = await exampleEnv()
  const needed = {
    REDIS_URL: 'redis://127.0.0.1:6379',
    STORAGE_URL: 'file:///tmp/genqueue',
    WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  }
  // Without PUBLIC_URL the API takes its own port, which it may be given by the system.
  const { PUBLIC_URL: publicUrl, ...shown } = usual
  expect(publicUrl).toBe(readWorkerConfig(needed).PUBLIC_URL)
  expect(parseConfig({ ...shown, ...needed })).toEqual(parseConfig(needed))
  expect(readWorkerConfig({ ...shown, ...needed })).toEqual(readWorkerConfig(needed))

  const readme = await read('README.md')
  for (const name of [...(await settingsOf('api')), ...(await settingsOf('worker'))]) {
    const [, told] = new RegExp(`^\\| \`${name}\` \\| \`([^\`]+)\` \\|`, 'm').exec(readme) ?? []
    if (usual[name]) expect(told, name).toBe(usual[name])
  }
})
