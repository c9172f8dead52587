import type { Verdict } from './checker.ts'
import { POINT_NAMES, VENDORS, whyNever } from './points.ts'
import type { Swept } from './sweep.ts'

const COLUMNS: Readonly<Record<keyof Verdict['counts'], string>> = {
  attempted: 'tried',
  accepted: 'accepted',
  terminal: 'ended',
  lost: 'lost',
  duplicateCharge: 'paid twice',
  ambiguous: 'unknown',
  deliveries: 'webhooks',
  objectsOk: 'objects ok',
  objectsBad: 'bad',
  objectsOrphan: 'orphan',
  leaks: 'leaks',
}
const NAMES = Object.keys(COLUMNS) as (keyof Verdict['counts'])[] // the keys of the literal above
const FIRST_WIDTH = 34

/** The verdicts as a table: a line for each run, and their sum. */
export function sweepTable(swept: readonly Swept[]): string {
  const sums = NAMES.map((name) => swept.reduce((sum, { report }) => sum + report.counts[name], 0))
  return [
    `${''.padEnd(FIRST_WIDTH)}${NAMES.map((name) => `  ${COLUMNS[name]}`).join('')}  hits  invariants`,
    ...swept.map(({ run, report }) => {
      const counts = NAMES.map((name) => report.counts[name])
      return tableLine(run.name, counts, `${String(report.hits.length).padStart(4)}  ${brokenText(report)}`)
    }),
    tableLine(`${swept.length} runs`, sums, ''),
    ...POINT_NAMES.flatMap((point) =>
      VENDORS.flatMap((vendor) => {
        const why = whyNever(point, vendor)
        return why === undefined ? [] : [`${point}-${vendor}: ${why}`]
      }),
    ),
  ].join('\n')
}

/** One verdict with its heads. */
export function countsTable(name: string, counts: Verdict['counts']): string {
  const heads = `${''.padEnd(FIRST_WIDTH)}${NAMES.map((column) => `  ${COLUMNS[column]}`).join('')}`
  return `${heads}\n${tableLine(
    name,
    NAMES.map((column) => counts[column]),
    '',
  )}`
}

/** `held`, or every invariant that is broken with its counterexample. */
export function brokenText({ broken }: Pick<Verdict, 'broken'>): string {
  if (broken.length === 0) return 'held'
  return broken.map(({ invariant, counterexample }) => `${invariant} BROKEN: ${counterexample}`).join('; ')
}

function tableLine(name: string, counts: readonly number[], rest: string): string {
  const cells = NAMES.map((column, n) => String(counts[n]).padStart(COLUMNS[column].length + 2))
  return `${name.padEnd(FIRST_WIDTH)}${cells.join('')}  ${rest}`.trimEnd()
}
