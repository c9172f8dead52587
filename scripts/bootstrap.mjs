// Runs a command of this repository on the pinned Node and pnpm, whatever Node the machine has (>= 20), after
// installing what the lockfile names. Plain JavaScript without dependencies: it must run before anything is installed.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const NODE = 'node@24.21.0'
const PNPM = 'pnpm@10.34.9'
const root = fileURLToPath(new URL('..', import.meta.url))
const env = {
  ...process.env,
  TURBO_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
  NODE_NO_WARNINGS: '1',
  // npm run exports its own settings; pnpm would read them as its own and warn.
  ...Object.fromEntries(
    Object.keys(process.env)
      .filter((k) => /^npm_config_/i.test(k))
      .map((k) => [k, undefined]),
  ),
  // Nothing may follow the last line of a command, which is its result.
  npm_config_update_notifier: 'false',
}

function run(args, stdio) {
  const child = spawnSync('npx', ['-y', '-p', NODE, '-p', PNPM, ...args], { cwd: root, env, stdio })
  if (child.error) throw child.error
  if (child.signal) process.kill(process.pid, child.signal)
  return child.status ?? 1
}

const install = run(['pnpm', 'install', '--frozen-lockfile', '--prefer-offline', '--reporter=silent'], 'inherit')
if (install !== 0) {
  console.error(`Installing the dependencies failed (exit code ${install}); the lines above say why.`)
  process.exit(install)
}
const command = process.argv.slice(2)
process.exit(command.length === 0 ? 0 : run(['pnpm', 'exec', ...command], 'inherit'))
