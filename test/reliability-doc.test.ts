import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../scripts/source-files.ts'

/** The rows of the fault matrix; what is missing was left out of it. */
const ROWS = '1 2 4 to 13 15 to 17 19 to 24 26 to 28 30 31 33 35 to 45 47 48'
const FILE = /`((?:test|apps|packages)\/[\w/.-]+\.ts)`/g

const read = (path: string) => readFile(join(ROOT, path), 'utf8')

/** `1, 2, 4 to 6` as numbers. */
function numbersIn(text: string): number[] {
  return [...text.matchAll(/(\d+)(?: to (\d+))?/g)].flatMap(([, from = '', to = from]) =>
    Array.from({ length: Number(to) - Number(from) + 1 }, (_, n) => Number(from) + n),
  )
}

/** The rows that the titles of a file begin with. */
function rowsShown(source: string): Set<number> {
  const titles = source.matchAll(/^[^/\n]*['`](\d+(?:(?:,| to) \d+)*) [a-zA-Z%]/gm)
  return new Set([...titles].flatMap(([, numbers = '']) => numbersIn(numbers)))
}

test('docs/reliability.md has every row of the fault matrix, with a test that bears its number', async () => {
  const page = await read('docs/reliability.md')
  const rows = [...page.matchAll(/^\| (\d+) \|.*\| ([^|]+) \|$/gm)].map(([, number, shownBy = '']) => ({
    number: Number(number),
    shownBy,
  }))
  expect(rows.map(({ number }) => number)).toEqual(numbersIn(ROWS))
  const unshown: number[] = []
  for (const { number, shownBy } of rows) {
    const named = [...shownBy.matchAll(FILE)].map(([, path = '']) => path)
    const sources = await Promise.all(
      (shownBy.startsWith('sweep') ? ['test/sweep.test.ts', ...named] : named).map(read),
    )
    const quoted = /“([^”]+)”/.exec(shownBy)?.[1]
    const isShown = sources.some((source) => rowsShown(source).has(number) || (quoted && source.includes(quoted)))
    if (!isShown) unshown.push(number)
  }
  expect(unshown).toEqual([])
})

test('every file that docs/reliability.md names is there', async () => {
  const named = [...(await read('docs/reliability.md')).matchAll(FILE)].map(([, path = '']) => path)
  expect(named.length).toBeGreaterThan(30)
  for (const path of new Set(named)) expect((await read(path)).length, path).toBeGreaterThan(0)
})
