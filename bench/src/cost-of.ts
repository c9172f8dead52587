/** CPU of one of very many, in microseconds. */
export function costOf(update: (n: number) => void, times = 300_000): number {
  for (let n = 0; n < times; n += 1) update(n)
  const before = process.cpuUsage()
  for (let n = 0; n < times; n += 1) update(n)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / times
}
