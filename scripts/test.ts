import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runChecks } from './check.ts'
import { ensureRedisServer } from './redis-binary.ts'
import { ROOT } from './source-files.ts'
import { countTests, parseTestReport } from './test-report.ts'

/** What `npm test` runs: a real Redis is made sure of, then the checks, then the tests (`npm test -- packages/jobs`). */
async function main(vitestArgs: readonly string[]): Promise<number> {
  const startedAt = performance.now()
  const redisServer = await ensureRedisServer({ install: true })
  if (redisServer === undefined) return 1
  console.log(
    `ok   redis-server      ${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(5)} s  ${redisServer}`,
  )
  const failedChecks = await runChecks()
  const folder = await mkdtemp(join(tmpdir(), 'genqueue-test-'))
  try {
    const file = join(folder, 'report.json')
    const exitCode = await vitest(
      [...vitestArgs, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
      {
        REDIS_SERVER: redisServer,
      },
    )
    const report = await readFile(file, 'utf8').then(
      (text) => parseTestReport(JSON.parse(text)),
      () => undefined,
    )
    const { passed, failed, skipped } = countTests(report, exitCode)
    if (failedChecks > 0) console.log(`${failedChecks} of the checks before the tests failed too; they count as failed`)
    console.log(`${passed} passed, ${failed + failedChecks} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
    return failed + failedChecks > 0 ? 1 : 0
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function vitest(args: readonly string[], env: Record<string, string>): Promise<number> {
  const binary = join(ROOT, 'node_modules/.bin/vitest')
  const child = spawn(binary, ['run', ...args], { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env } })
  const [code] = await once(child, 'exit')
  return code ?? 1
}

process.exitCode = await main(process.argv.slice(2))
