import { CANARY_ENV } from './secrets-found.ts'

/** What a process holds, and how late its timers are. */
export type Vitals = { name: string; memoryMb: number; files: number; lagMs: number }

const MORE_MEMORY_MB = 150
const MORE_FILES = 50

/** As the process tells it to a scraper; the lag is that since the look before. */
export async function readVitals(name: string, url: string): Promise<Vitals> {
  const headers = { authorization: `Bearer ${CANARY_ENV.METRICS_TOKEN}` }
  // Of one that does not answer nothing is known, which is more than anybody may hold.
  const text = await fetch(`${url}/metrics`, { headers, signal: AbortSignal.timeout(10_000) }).then(
    (answer) => answer.text(),
    () => '',
  )
  const value = (metric: string) => Number(new RegExp(`^${metric} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
  return {
    name,
    memoryMb: Math.round(value('process_resident_memory_bytes') / 2 ** 20),
    files: value('process_open_fds'),
    lagMs: Math.round(value('nodejs_eventloop_lag_p99_seconds') * 1000),
  }
}

/** The first process that holds much more than when it began. */
export function outgrown(before: readonly Vitals[], after: readonly Vitals[]): string | undefined {
  const grown = before.flatMap(({ name, memoryMb, files }) => {
    const now = after.find((each) => each.name === name)
    const isSame = now !== undefined && now.memoryMb <= memoryMb + MORE_MEMORY_MB && now.files <= files + MORE_FILES
    return isSame
      ? []
      : [`${name} held ${memoryMb} MB and ${files} files, and holds ${now?.memoryMb} and ${now?.files}`]
  })
  return grown[0]
}

export function vitalsText(before: readonly Vitals[], after: readonly Vitals[]): string {
  return after
    .map(({ name, memoryMb, files, lagMs }) => {
      const first = before.find((each) => each.name === name)
      return `${name} ${first?.memoryMb} to ${memoryMb} MB, ${first?.files} to ${files} files, lag p99 ${lagMs} ms`
    })
    .join('; ')
}
