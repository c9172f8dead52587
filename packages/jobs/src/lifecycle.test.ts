import { readFile } from 'node:fs/promises'
import { JOB_STATUSES } from '@genqueue/contract'
import { expect, test } from 'vitest'
import { LIFECYCLE, mayBecome } from './lifecycle.ts'

test('docs/lifecycle.md draws exactly the changes of status that the table allows', async () => {
  const page = await readFile(new URL('../../../docs/lifecycle.md', import.meta.url), 'utf8')
  const drawing = /```mermaid\n(stateDiagram-v2[\s\S]*?)```/.exec(page)?.[1] ?? ''
  const drawn = [...drawing.matchAll(/^\s*(\w+) --> (\w+)/gm)].map(([, from, to]) => `${from} --> ${to}`)
  const allowed = JOB_STATUSES.flatMap((from) => LIFECYCLE[from].to.map((to) => `${from} --> ${to}`))
  expect(drawn.toSorted()).toEqual(allowed.toSorted())
})

test('every status but the first can be reached, and a terminal one is never left', () => {
  for (const status of JOB_STATUSES) {
    if (status !== 'queued') expect(JOB_STATUSES.some((from) => mayBecome(from, status))).toBe(true)
    if (LIFECYCLE[status].stage === null) expect(LIFECYCLE[status].to).toEqual([])
  }
})
