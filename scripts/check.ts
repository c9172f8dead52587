import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileProblems } from './file-rules.ts'
import { folderOf, importProblems, type Listed } from './import-rules.ts'
import { ROOT, sourceFiles } from './source-files.ts'

type Check = { name: string; run(): Promise<string> }

/** `run` answers with what is wrong; nothing is fine. */
const CHECKS: readonly Check[] = [
  {
    name: 'format and lint',
    run: () => command('biome', 'ci', '--error-on-warnings', '--diagnostic-level=warn', '--colors=off', '.'),
  },
  {
    name: 'types',
    run: () => command('turbo', 'run', 'types', '--continue', '--output-logs=errors-only', '--concurrency=2'),
  },
  { name: 'types of scripts', run: () => command('tsc', '--noEmit', '-p', 'scripts') },
  { name: 'unused code', run: () => command('knip', '--no-progress', '--no-config-hints') },
  { name: 'imports', run: () => everyFile((path, source, listedBy) => importProblems(path, source, listedBy)) },
  { name: 'files', run: () => everyFile(fileProblems) },
]

/** Runs every check, prints a line for each and what is wrong, and answers how many failed. */
export async function runChecks(): Promise<number> {
  const results = await Promise.all(CHECKS.map(runCheck))
  return results.filter((isFine) => !isFine).length
}

async function runCheck({ name, run }: Check): Promise<boolean> {
  const startedAt = performance.now()
  const problems = await run().catch((error: unknown) => String(error))
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  console.log(`${problems === '' ? 'ok  ' : 'FAIL'} ${name.padEnd(17)} ${seconds.padStart(5)} s`)
  if (problems !== '') console.log(problems)
  return problems === ''
}

async function command(name: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', NO_COLOR: '1' }
  const binary = join(ROOT, 'node_modules/.bin', name)
  const child = spawn(binary, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject))
  const [code, out, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  return code === 0 ? '' : `${out}${errors}` || `${name} ended with exit code ${code}`
}

type FileRule = (path: string, source: string, listedBy: (folder: string) => Listed | undefined) => string[]

async function everyFile(problemsOf: FileRule): Promise<string> {
  const paths = await sourceFiles()
  const folders = [...new Set(paths.flatMap((path) => folderOf(path) ?? []))]
  const listed = new Map(await Promise.all(folders.map(async (folder) => [folder, await listedIn(folder)] as const)))
  const problems = paths.map(async (path) =>
    problemsOf(path, await readFile(join(ROOT, path), 'utf8'), (folder) => listed.get(folder)),
  )
  return (await Promise.all(problems)).flat().join('\n')
}

async function listedIn(folder: string): Promise<Listed> {
  const manifest = await readFile(join(ROOT, folder === 'scripts' ? '.' : folder, 'package.json'), 'utf8')
  const { dependencies = {}, devDependencies = {} } = JSON.parse(manifest)
  return {
    dependencies: new Set(Object.keys(dependencies)),
    all: new Set(Object.keys({ ...dependencies, ...devDependencies })),
  }
}

if (import.meta.main) process.exitCode = (await runChecks()) > 0 ? 1 : 0
