import { isBuiltin } from 'node:module'
import { dirname, join, normalize } from 'node:path'

const SCOPE = '@genqueue/'
const BACKEND = ['accounts', 'contract', 'egress', 'jobs', 'log', 'metrics', 'providers', 'storage', 'tracing']

/** Which of our packages each folder may import, as the design draws the house. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'packages/contract': [],
  'packages/log': [],
  'packages/simulator': [],
  'packages/egress': ['contract'],
  'packages/metrics': ['contract'],
  'packages/accounts': ['contract'],
  'packages/jobs': ['contract'],
  'packages/storage': ['contract'],
  'packages/tracing': ['contract'],
  'packages/client': ['contract'],
  'packages/providers': ['contract', 'egress'],
  'apps/api': BACKEND,
  'apps/worker': BACKEND,
  'apps/dashboard': ['contract', 'client'],
  examples: ['contract', 'client'],
  test: [...BACKEND, 'api', 'worker', 'dashboard', 'client', 'simulator'],
  bench: [...BACKEND, 'api', 'worker', 'simulator'],
  scripts: [...BACKEND, 'api', 'worker', 'dashboard', 'client', 'simulator'],
}
const TEST_FILE = /(\.(test|testsuite)|[.-](fixture|testkit))\.ts$/
const STAGES = 'apps/worker/src/stages/'
// Statements begin their line (the formatter sees to it); calls may stand anywhere.
const STATEMENT = /^\s*(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*['"]([^'"\n]+)['"]/gm
const CALL = /\b(?:import|require)\(\s*['"]([^'"\n]+)['"]/g

/** Names of `dependencies` and of all kinds of dependencies of a package.json. */
export type Listed = { dependencies: ReadonlySet<string>; all: ReadonlySet<string> }

/**
 * The imports of a file that the house does not allow. Type imports count: they couple as much. A scan of our own,
 * because dependency-cruiser reads TypeScript only through the compiler's JavaScript API, which TypeScript 7 lacks.
 * Cycles are Biome's rule `noImportCycles`.
 */
export function importProblems(path: string, text: string, listedBy: (folder: string) => Listed | undefined): string[] {
  const folder = folderOf(path)
  if (folder === undefined) return []
  const listed = listedBy(folder)
  return importsOf(text).flatMap((specifier) => {
    const problem = specifier.startsWith('.')
      ? relativeProblem(path, folder, specifier)
      : isBuiltin(specifier)
        ? undefined
        : (houseProblem(path, folder, specifier) ?? listingProblem(path, specifier, listed))
    return problem === undefined ? [] : [`${path} imports '${specifier}': ${problem}`]
  })
}

export function importsOf(text: string): string[] {
  return [STATEMENT, CALL].flatMap((pattern) => [...text.matchAll(pattern)].map(([, specifier = '']) => specifier))
}

export function folderOf(path: string): string | undefined {
  return /^(?:(?:apps|packages)\/[^/]+|test|bench|examples|scripts)(?=\/)/.exec(path)?.[0]
}

function relativeProblem(path: string, folder: string, specifier: string): string | undefined {
  const target = normalize(join(dirname(path), specifier))
  if (target.startsWith(`${folder}/`)) return undefined
  const isTool = target.startsWith('scripts/') && (TEST_FILE.test(path) || folder === 'test' || folder === 'bench')
  const isOwnManifest = target === `${folder}/package.json`
  const isEntry = folder === 'scripts' && /^(apps|packages)\/[^/]+\/src\/(index|main)\.ts$/.test(target)
  return isTool || isOwnManifest || isEntry ? undefined : 'it leaves the package; import the other package by its name'
}

function houseProblem(path: string, folder: string, specifier: string): string | undefined {
  if (!specifier.startsWith(SCOPE)) {
    const isStage = path.startsWith(STAGES) && !TEST_FILE.test(path)
    return isStage ? 'stages use our own packages only, no library' : undefined
  }
  const [name = '', ...inside] = specifier.slice(SCOPE.length).split('/')
  if (inside.length > 0) return `only what ${SCOPE}${name} exports from its index may be imported`
  const allowed = MAY_IMPORT[folder]
  if (allowed === undefined) return `say in scripts/import-rules.ts what ${folder} may import`
  if (allowed.includes(name) || (TEST_FILE.test(path) && name === 'simulator')) return undefined
  return `${folder} may import ${allowed.length === 0 ? 'none of our packages' : allowed.join(', ')}`
}

function listingProblem(path: string, specifier: string, listed: Listed | undefined): string | undefined {
  if (listed === undefined) return undefined
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const isProduction = /^(apps|packages)\//.test(path) && !TEST_FILE.test(path)
  if (!listed.all.has(name)) return 'its package.json does not list it'
  return isProduction && !listed.dependencies.has(name) ? 'it is only a devDependency' : undefined
}
