import { expect, test } from 'vitest'
import { fileProblems } from './file-rules.ts'
import { importProblems, importsOf, type Listed } from './import-rules.ts'

const everything: Listed = { dependencies: new Set(['undici', '@genqueue/jobs']), all: new Set(['undici', 'vitest']) }
const problems = (path: string, specifier: string) =>
  importProblems(path, `import { a } from '${specifier}'\n`, () => undefined).map((line) => line.split(': ')[1])

test.each([
  ['packages/simulator/src/main.ts', '@genqueue/contract'],
  ['packages/contract/src/job.ts', '@genqueue/jobs'],
  ['packages/egress/src/dial.ts', '@genqueue/jobs'],
  ['packages/providers/src/index.ts', '@genqueue/storage'],
  ['packages/providers/src/index.ts', '@genqueue/simulator'],
  ['apps/api/src/main.ts', '@genqueue/worker'],
  ['apps/worker/src/main.ts', '@genqueue/api'],
  ['apps/worker/src/main.ts', '@genqueue/jobs/src/keys.ts'],
  ['apps/worker/src/main.ts', '../../../packages/jobs/src/index.ts'],
  ['apps/worker/src/stages/submit.ts', 'undici'],
  ['packages/jobs/src/jobs.ts', '../../../scripts/redis-process.ts'],
  ['apps/newcomer/src/main.ts', '@genqueue/jobs'],
])('%s may not import %s', (path, specifier) => expect(problems(path, specifier)).toHaveLength(1))

test.each([
  ['packages/egress/src/dial.ts', '@genqueue/contract'],
  ['packages/providers/src/runway/submit.test.ts', '@genqueue/simulator'],
  ['packages/jobs/src/jobs.test.ts', '../../../scripts/redis-process.ts'],
  ['apps/worker/src/stages/submit.ts', '@genqueue/providers'],
  ['apps/worker/src/stages/submit.ts', '../pace.ts'],
  ['apps/worker/src/stages/submit.ts', 'node:crypto'],
  ['apps/worker/src/stages/submit.test.ts', 'vitest'],
  ['apps/worker/src/main.ts', 'undici'],
  ['test/house.ts', '@genqueue/worker'],
  ['scripts/demo.ts', '../packages/simulator/src/index.ts'],
])('%s may import %s', (path, specifier) => expect(problems(path, specifier)).toEqual([]))

test('every way of importing is seen, over several lines and for types alone', () => {
  const text = [
    `import './a.ts'`,
    `import type { B } from './b.ts'`,
    `export * from './c.ts'`,
    `export {\n  d,\n} from './d.ts'`,
    `const e = await import('./e.ts')`,
    `import json from './f.json' with { type: 'json' }`,
    `import g, { h } from "g"`,
    `export const i = 'from'`,
    `export const j = value('x')`,
  ].join('\n')
  expect(importsOf(text)).toEqual(['./a.ts', './b.ts', './c.ts', './d.ts', './f.json', 'g', './e.ts'])
})

test('a package must be listed, and for production code among the dependencies', () => {
  const check = (path: string, specifier: string) => importProblems(path, `import '${specifier}'`, () => everything)
  expect(check('packages/egress/src/a.ts', 'left-pad')).toHaveLength(1)
  expect(check('packages/egress/src/a.ts', 'vitest')).toHaveLength(1)
  expect(check('packages/egress/src/a.test.ts', 'vitest/config')).toEqual([])
  expect(check('packages/egress/src/a.ts', 'undici')).toEqual([])
})

test('files are short, kebab-case and named after what they hold', () => {
  expect(fileProblems('packages/jobs/src/poll-schedule.test.ts', 'a\n'.repeat(300))).toEqual([])
  expect(fileProblems('a/poll.ts', 'a\n'.repeat(301))).toHaveLength(1)
  expect(fileProblems('a/utils.ts', '')).toHaveLength(1)
  expect(fileProblems('a/PollSchedule.ts', '')).toHaveLength(1)
})
