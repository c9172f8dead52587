import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { METRICS } from '@genqueue/metrics'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ROOT } from '../scripts/source-files.ts'
import { type Manifest, readChart, type Values } from './helm/render-chart.ts'

const Properties = z.record(
  z.string(),
  z.looseObject({ type: z.unknown().optional(), enum: z.array(z.unknown()).optional() }),
)
const Places = z.object({ properties: Properties })
/** The schema of the values, as far as it says where a variable goes. */
const Schema = z.object({
  properties: z.object({
    settings: z.object({ properties: z.record(z.enum(['shared', 'api', 'worker']), Places) }),
    secrets: z.object({ properties: z.object({ from: Places, values: Places }) }),
  }),
})
const Deployment = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({ containers: z.array(z.object({ env: z.array(z.looseObject({ name: z.string() })) })) }),
    }),
  }),
})
const ConfigMap = z.object({ data: z.record(z.string(), z.string()) })

const read = (path: string) => readFile(join(ROOT, path), 'utf8')

async function variablesOf(app: 'api' | 'worker'): Promise<string[]> {
  const [, fields = ''] =
    /^const Env = z\.object\(\{\n([\s\S]*?)^\}\)/m.exec(await read(`apps/${app}/src/config.ts`)) ?? []
  // The AWS SDK reads its credentials by itself.
  const forAws = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']
  return [...[...fields.matchAll(/^ {2}([A-Z][A-Z0-9_]+):/gm)].map(([, name = '']) => name), ...forAws].toSorted()
}

async function places() {
  const { settings, secrets } = Schema.parse(
    JSON.parse(await read('deploy/helm/genqueue/values.schema.json')),
  ).properties
  return { settings: settings.properties, secrets: secrets.properties }
}

/** A value for each variable that the schema takes. */
function filled(properties: z.infer<typeof Properties>): Values {
  const urls: Values = { STORAGE_URL: 's3://media', PUBLIC_URL: 'https://genqueue.example', SHUTDOWN_GRACE_MS: 75_000 }
  const collectors: Values = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector.example/traces',
  }
  const bare: Values = { HOST: '::', HEALTH_HOST: '::' }
  return Object.fromEntries(
    Object.entries(properties).map(([name, { enum: choices, type, $ref }]) => {
      const kind = String($ref ?? type)
      const value = choices?.at(-1) ?? (/boolean/.test(kind) ? false : /integer|number|port/.test(kind) ? 7 : 'some')
      return [name, urls[name] ?? collectors[name] ?? bare[name] ?? value]
    }),
  )
}

test('every variable of both programs has a place in the chart and arrives in that program, and only there', async () => {
  const { settings, secrets } = await places()
  const values = {
    settings: {
      shared: filled(settings.shared.properties),
      api: filled(settings.api.properties),
      worker: filled(settings.worker.properties),
    },
    secrets: { existingSecret: 'genqueue' },
  }
  const manifests = (await readChart()).render(values)
  for (const app of ['api', 'worker'] as const) {
    const find = (kind: string) => manifests.find((manifest) => manifest.kind === kind && isOf(app, manifest))
    const plain = Object.keys(ConfigMap.parse(find('ConfigMap')).data)
    const env = Deployment.parse(find('Deployment')).spec.template.spec.containers.flatMap((container) => container.env)
    const secret = env.map(({ name }) => name).filter((name) => name !== 'NODE_OPTIONS')
    expect([...plain, ...secret].toSorted(), app).toEqual(await variablesOf(app))
    expect(
      secret.filter((name) => !(name in secrets.from.properties)),
      'secrets that values may give',
    ).toEqual([])
  }
  expect(Object.keys(secrets.values.properties)).toEqual(Object.keys(secrets.from.properties))
})

test('a variable that is not set is not passed on, and large numbers are written out', async () => {
  const { render } = await readChart()
  const settings = { shared: { STORAGE_URL: 's3://media' }, worker: { MAX_OUTPUT_BYTES: 5_368_709_120 } }
  const manifests = render({ settings, secrets: { existingSecret: 'genqueue' } })
  const map = manifests.find((manifest) => manifest.kind === 'ConfigMap' && isOf('worker', manifest))
  expect(ConfigMap.parse(map).data).toEqual({
    STORAGE_URL: 's3://media',
    PUBLIC_URL: 'http://demo-genqueue-api.media.svc:80',
    AWS_REGION: 'us-east-1',
    HEALTH_HOST: '0.0.0.0',
    HEALTH_PORT: '8081',
    MAX_OUTPUT_BYTES: '5368709120',
    SHUTDOWN_GRACE_MS: '75000',
  })
})

test('the metric that workers scale by is one that they export', async () => {
  const [, name = ''] = /genqueue_(\w+)/.exec(await read('deploy/helm/genqueue/templates/_helpers.tpl')) ?? []
  const metric = Object.entries(METRICS).find(([exported]) => exported === name)?.[1]
  expect(metric).toMatchObject({ of: 'worker', labels: ['state'] })
})

function isOf(app: string, { metadata }: Manifest): boolean {
  return metadata.name.endsWith(`-${app}`)
}
