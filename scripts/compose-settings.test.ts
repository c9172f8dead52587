import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { expect, test } from 'vitest'
import { ROOT } from './source-files.ts'

/** Refused in production, where the image runs, or fixed by it. */
const NOT_PASSED_ON = ['NODE_ENV', 'SPEED', 'HEALTH_HOST', 'HEALTH_PORT']

const read = (path: string) => readFile(join(ROOT, path), 'utf8')
const namesIn = (text: string, pattern: RegExp) => new Set([...text.matchAll(pattern)].map(([, name = '']) => name))
const settingsOf = async (app: string) => [
  ...namesIn(await read(`apps/${app}/src/config.ts`), /^ {2}([A-Z][A-Z0-9_]+):/gm),
]

test.each(['api', 'worker'])('Compose passes on every setting that the %s reads', async (app) => {
  const compose = await read('docker-compose.yml')
  const sections = compose.split(/^(?= {2}[a-z]+:$)|^(?=x-)/m)
  const passedOn = ['x-settings', `  ${app}:`]
    .flatMap((start) => sections.filter((section) => section.startsWith(start)))
    .flatMap((section) => [...namesIn(section, /^ +([A-Z][A-Z0-9_]+):/gm)])
  const settings = await settingsOf(app)
  expect(settings.length).toBeGreaterThan(20)
  expect(settings.filter((name) => !passedOn.includes(name) && !NOT_PASSED_ON.includes(name))).toEqual([])
})

test('.env.example shows every setting, and every variable of docker-compose.yml', async () => {
  const shown = namesIn(await read('.env.example'), /^#?([A-Z][A-Z0-9_]+)=/gm)
  const used = namesIn(await read('docker-compose.yml'), /(?<!\$)\$\{([A-Z][A-Z0-9_]+)/g)
  const wanted = [...(await settingsOf('api')), ...(await settingsOf('worker')), ...used]
  const isSimulators = (name: string) => name.startsWith('SIM')
  expect(wanted.filter((name) => !shown.has(name) && !isSimulators(name))).toEqual([])
})

test('Compose asks for what is needed to store secrets and to serve, and the simulated house has all of it', async () => {
  const asked = namesIn(await read('docker-compose.yml'), /(?<!\$)\$\{([A-Z][A-Z0-9_]+):\?/g)
  expect([...asked].toSorted()).toEqual(['ADMIN_API_KEY', 'ENCRYPTION_KEYS', 'STORAGE_URL', 'WEBHOOK_SECRET'])
  const simulated = parseEnv(await read('deploy/simulator.env'))
  expect([...asked].filter((name) => !simulated[name])).toEqual([])
  expect(simulated['ENCRYPTION_KEYS']).toMatch(/^[\w-]+:[A-Za-z0-9+/]{43}=$/)
})
