import type { Clock } from './clock.ts'
import type { Journal } from './journal.ts'

/** What the parts of the simulated world have in common. */
export interface Surroundings {
  readonly host: string
  readonly publicHost: string | undefined
  readonly clock: Clock
  readonly journal: Journal
  readonly seed: string
}

/** `same` leads back to `origin`, `other` to the same place under another host name, `metadata` and `http` nowhere good. */
export function redirectUrl(name: string, path: string, origin: string): string {
  if (name === 'same') return `${origin}${path}`
  if (name === 'metadata') return 'http://169.254.169.254/latest/meta-data/'
  if (name === 'http') return `http://downgraded.invalid${path}`
  if (name !== 'other') return name
  const other = new URL(path, origin)
  other.hostname = other.hostname === 'localhost' ? '127.0.0.1' : 'localhost'
  return other.href
}
