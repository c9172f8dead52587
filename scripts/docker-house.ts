import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { freePort } from './free-port.ts'
import { ROOT } from './source-files.ts'

type Run = (...args: string[]) => Promise<string>

export type DockerHouse = {
  docker: Run
  compose: Run
  /** The ids of the running containers of a service, in the order of their numbers. */
  containers(service: string): Promise<string[]>
  /** Containers, networks and volumes that there are of this house. */
  leftovers(): Promise<string[]>
  apiUrl: string
  controlUrl: string
}

const IMAGE = 'genqueue:test'
const PROJECT = `gqtest${process.pid}`
const LABEL = 'com.docker.compose'
const OURS = `${LABEL}.project=${PROJECT}`

/** The house of docker-compose.yml with the simulator, under a name and ports of its own; a sentence where it cannot be. */
export async function dockerHouse(): Promise<DockerHouse | string> {
  const settings: Record<string, string> = {}
  const docker = command(settings, 'docker')
  const engine = await docker('version', '--format', '{{.Server.Version}}').catch((error: Error) => error)
  if (engine instanceof Error) return `no Docker engine answers (${firstLine(engine.message)})`
  const [plugin, standalone] = [command(settings, 'docker', 'compose'), command(settings, 'docker-compose')]
  const composer = (await works(plugin)) ? plugin : (await works(standalone)) ? standalone : undefined
  if (composer === undefined) return 'neither `docker compose` nor `docker-compose` is installed'
  console.log(`Docker ${engine.trim()}, Compose ${(await composer('version', '--short')).trim()}`)

  await docker('build', '--tag', IMAGE, '--build-arg', 'VERSION=test', '.')
  const [api, store, control] = [await freePort(), await freePort(), await freePort()]
  Object.assign(settings, {
    GENQUEUE_VERSION: 'test',
    PORT: String(api),
    PUBLIC_URL: `http://localhost:${api}`,
    SIM_STORE_PORT: String(store),
    S3_PUBLIC_ENDPOINT: `http://localhost:${store}`,
    SIM_CONTROL_PORT: String(control),
    SIM_SPEED: '4',
    SIM_CONCURRENCY: '50',
    REDIS_USER: await ownerOfRedisData(docker),
  })
  const files = ['--project-name', PROJECT, '--env-file', 'deploy/simulator.env', '--profile', 'simulator']
  const compose: Run = (...args) => composer(...files, ...args)
  return {
    docker,
    compose,
    containers: async (service) => {
      const filters = [OURS, `${LABEL}.service=${service}`].flatMap((label) => ['--filter', `label=${label}`])
      const running = lines(
        await docker('ps', ...filters, '--format', `{{.Label "${LABEL}.container-number"}} {{.ID}}`),
      )
      return running
        .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
        .map((line) => line.split(' ')[1] ?? '')
    },
    leftovers: async () => {
      const lists = ['container', 'network', 'volume'].map(async (kind) =>
        lines(
          await docker(kind, 'ls', '--quiet', ...(kind === 'container' ? ['--all'] : []), '--filter', `label=${OURS}`),
        ).map((id) => `${kind} ${id}`),
      )
      return (await Promise.all(lists)).flat()
    },
    apiUrl: `http://localhost:${api}`,
    controlUrl: `http://localhost:${control}/__sim`,
  }
}

// An image of that name made by hand may have no redis user; the volume belongs to whoever owns /data.
async function ownerOfRedisData(docker: Run): Promise<string> {
  const owner = await docker('run', '--rm', '--entrypoint', 'stat', 'redis:7-bookworm', '-c', '%u:%g', '/data')
  return owner.trim()
}

function works(run: Run): Promise<boolean> {
  return run('version').then(
    () => true,
    () => false,
  )
}

/** Answers with what the program printed; rejects with what it complained of. */
function command(settings: Readonly<Record<string, string>>, program: string, ...first: string[]): Run {
  return async (...args) => {
    const env = { ...process.env, ...settings }
    const child = spawn(program, [...first, ...args], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject))
    const [code, out, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
    if (code === 0) return out
    throw new Error(`${errors.trim() || out.trim()}\n(${[program, ...first, ...args].join(' ')}, exit code ${code})`)
  }
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? message
}
