/** One line of the report. */
export type Row = {
  part: string
  what: string
  goal?: string
  measured: string
  /** Against what the same run measured beside it. */
  ratio?: string
  /** Whether the goal is reached; undefined where there is none. */
  ok?: boolean
  /** The same as numbers, for `--json`. */
  values: Record<string, number>
}

export function printRows(rows: readonly Row[]): void {
  const lines = rows.map(({ part, what, goal = '', measured, ratio = '', ok }) => [
    part,
    what,
    goal,
    measured,
    ratio,
    ok === undefined ? '' : ok ? 'OK' : 'over',
  ])
  const table = [['part', 'what', 'goal', 'measured', 'ratio', ''], ...lines]
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...table.map((line) => line[column]?.length ?? 0)))
  for (const [index, line] of table.entries()) {
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    if (index === 0) console.log(widths.map((width) => '-'.repeat(width)).join('  '))
  }
}

export function microseconds(us: number): string {
  return us < 100 ? us.toFixed(1) : us.toFixed(0)
}

export function thousands(rate: number): string {
  return rate < 1000 ? rate.toFixed(0) : `${(rate / 1000).toFixed(1)}k`
}

/** The value below which the share of all values lies; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
