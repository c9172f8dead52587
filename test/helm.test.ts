import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { z } from 'zod'
import { ROOT } from '../scripts/source-files.ts'
import { manifestProblems } from './helm/manifest-problems.ts'
import { type Chart, type Manifest, parseYaml, readChart, renderByHelm, type Values } from './helm/render-chart.ts'

const FOLDER = join(ROOT, 'deploy/helm/genqueue')
/** The path of a real Helm; without it, our own renderer stands in. */
const HELM = process.env.HELM
const names = (await readdir(join(FOLDER, 'ci'))).map((file) => file.replace('-values.yaml', '')).toSorted()
const pathOf = (name: string) => join(FOLDER, `ci/${name}-values.yaml`)

let chart: Chart
const values = new Map<string, Values>()
const rendered = new Map<string, Manifest[]>()

beforeAll(async () => {
  chart = await readChart()
  for (const name of names) {
    const given = z.record(z.string(), z.unknown()).parse(parseYaml(await readFile(pathOf(name), 'utf8')))
    values.set(name, given)
    rendered.set(name, HELM ? await renderByHelm(HELM, pathOf(name)) : chart.render(given))
  }
})

const manifests = (name: string) => rendered.get(name) ?? []

describe.each(names)('with the values "%s"', (name) => {
  test('the chart makes what was reviewed', async () => {
    const text = manifests(name)
      .map((manifest) => stringify(manifest, { version: '1.1', lineWidth: 120 }))
      .join('---\n')
    await expect(text).toMatchFileSnapshot(`helm/goldens/${name}.yml`)
  })

  test('every field of every manifest is one that Kubernetes knows', () => {
    expect(manifests(name).length).toBeGreaterThan(3)
    expect(manifests(name).flatMap(manifestProblems)).toEqual([])
  })

  test('every pod is restricted, bounded and pinned', () => {
    const pods = manifests(name).flatMap(podsOf)
    expect(pods.map(({ component }) => component)).toEqual(['api', 'worker'])
    for (const { spec } of pods) {
      expect(spec.automountServiceAccountToken).toBe(false)
      expect(spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 10001,
        seccompProfile: { type: 'RuntimeDefault' },
      })
      expect(spec.volumes).toContainEqual({ name: 'tmp', emptyDir: { sizeLimit: '64Mi' } })
      for (const container of spec.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        expect(container.resources.limits.memory).toBe(container.resources.requests.memory)
        expect(container.resources.requests.cpu).toBeTruthy()
        expect(container.image).toMatch(/^[^:@]+(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$/)
        expect(container.command[0], 'exec form').toBe('node')
      }
    }
  })
})

test('a misspelt field of a manifest is found, at any depth', () => {
  const deployment = manifests('minimal').find(({ kind }) => kind === 'Deployment')
  const misspelt = JSON.parse(JSON.stringify(deployment).replaceAll('"readinessProbe"', '"readynessProbe"'))
  expect(manifestProblems(misspelt)).toEqual(['/spec/template/spec/containers/0/readynessProbe is not a field'])
  const wrong = JSON.parse(JSON.stringify(deployment).replace('"replicas":2', '"replicas":"2"'))
  expect(manifestProblems(wrong)).toEqual([expect.stringContaining('replicas')])
})

test('a field that does not exist is found in every kind of manifest', () => {
  for (const manifest of names.flatMap(manifests)) {
    const spec = 'spec' in manifest ? { spec: { ...z.looseObject({}).parse(manifest.spec), misspelt: 1 } } : {}
    const metadata = { ...manifest.metadata, misspelt: 1 }
    const found = manifestProblems({ ...manifest, misspelt: 1, metadata, ...spec })
    const places = ['/misspelt', '/metadata/misspelt', ...('spec' in manifest ? ['/spec/misspelt'] : [])]
    expect(found.toSorted(), manifest.kind).toEqual(places.map((place) => `${place} is not a field`).toSorted())
  }
})

test.each([
  ['a misspelt section', { workr: {} }, 'workr'],
  ['a misspelt value, deep down', { worker: { autoscaling: { minReplica: 2 } } }, 'minReplica'],
  ['a variable that no program reads', { settings: { worker: { COPY_CONCURENCY: 4 } } }, 'COPY_CONCURENCY'],
  ['a variable of the other program', { settings: { api: { COPY_CONCURRENCY: 4 } } }, 'COPY_CONCURRENCY'],
  ['a secret among the settings', { settings: { shared: { REDIS_URL: 'redis://redis' } } }, 'REDIS_URL'],
  ['a number written as a text', { settings: { api: { PORT: '8080' } } }, 'integer'],
  ['the tag latest', { image: { tag: 'latest' } }, 'NOT'],
  ['a digest that is none', { image: { digest: 'sha256:abc' } }, 'pattern'],
  ['two ways of scaling', { worker: { autoscaling: { by: 'keda,hpa' } } }, 'enum'],
  ['no memory limit', { api: { resources: { limits: { memory: null } } } }, 'memory'],
  ['an ingress without a host', { ingress: { enabled: true } }, 'hosts'],
  ['a budget by both measures', { podDisruptionBudget: { api: { minAvailable: 1 } } }, 'more than 1'],
])('%s is refused', (_, faulty, word) => {
  expect(() => chart.render({ ...values.get('minimal'), ...faulty })).toThrow(word)
})

test('what is needed and missing is named', () => {
  expect(() => chart.render({})).toThrow('STORAGE_URL')
  const { settings } = values.get('minimal') ?? {}
  expect(() => chart.render({ settings })).toThrow('REDIS_URL has no source')
  const keda = { worker: { autoscaling: { by: 'keda' } } }
  expect(() => chart.render({ ...values.get('minimal'), ...keda })).toThrow('prometheus.serverAddress')
  const monitor = { metrics: { podMonitor: { enabled: true } } }
  expect(() => chart.render({ ...values.get('minimal'), ...monitor })).toThrow('ADMIN_PORT')
})

test('the pods get longer to end than their programs take', () => {
  const graces = (name: string) =>
    manifests(name)
      .flatMap(podsOf)
      .map(({ spec }) => spec.terminationGracePeriodSeconds)
  expect(graces('minimal')).toEqual([45, 90])
  expect(graces('production')).toEqual([85, 135])
})

test('what changes a setting restarts the pods that read it, and no others', () => {
  const checksums = (settings: Values) =>
    chart
      .render({ settings: { shared: { STORAGE_URL: 's3://media' }, ...settings }, secrets: { existingSecret: 'gq' } })
      .flatMap(podsOf)
      .map(({ annotations }) => annotations['checksum/config'])
  const [api, worker] = checksums({})
  expect(checksums({ worker: { COPY_CONCURRENCY: 4 } })).toEqual([api, expect.not.stringMatching(worker ?? '')])
})

test('the notes warn of secrets among the values and of missing walls', () => {
  expect(chart.notes(values.get('trying-out') ?? {})).toMatch(
    /ADMIN_API_KEY, REDIS_URL, WEBHOOK_SECRET[\s\S]+networkPolicy/,
  )
  expect(chart.notes(values.get('minimal') ?? {})).not.toContain('WARNING')
})

/** What the policy check looks at of a Deployment's pods. */
const Deployment = z.object({
  spec: z.object({
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()), annotations: z.record(z.string(), z.string()) }),
      spec: z.object({
        automountServiceAccountToken: z.boolean(),
        terminationGracePeriodSeconds: z.number(),
        securityContext: z.record(z.string(), z.unknown()),
        volumes: z.array(z.unknown()),
        containers: z.array(
          z.object({
            image: z.string(),
            command: z.array(z.string()),
            securityContext: z.unknown(),
            resources: z.record(z.enum(['limits', 'requests']), z.record(z.string(), z.string())),
          }),
        ),
      }),
    }),
  }),
})

function podsOf(manifest: Manifest) {
  if (manifest.kind !== 'Deployment') return []
  const { metadata, spec } = Deployment.parse(manifest).spec.template
  return [{ component: metadata.labels['app.kubernetes.io/component'], annotations: metadata.annotations, spec }]
}
