import { Secret } from '@genqueue/contract'
import { z } from 'zod'

export type TeamKey = { team: string; key: Secret; isAdmin?: true }

const PAIR = /^([a-z0-9][a-z0-9_-]{0,63})=([\x21-\x2b\x2d-\x7e]{24,256})$/

/** `team=key,team2=key2`; a team may have several keys, a key has one team. */
export const TeamKeys = z.string().transform((text, context): TeamKey[] => {
  const pairs = text.split(',').map((pair) => pair.trim())
  const keys: TeamKey[] = []
  const seen = new Set<string>()
  // What a pair says stays out of the message: it holds a key.
  const fault = (index: number, message: string) =>
    context.addIssue({ code: 'custom', message: `entry ${index + 1} ${message}` })
  for (const [index, pair] of pairs.entries()) {
    const [, team, key] = PAIR.exec(pair) ?? []
    if (team === undefined || key === undefined) {
      fault(index, 'must be team=key, the team in small letters, digits, _ and -, the key 24 to 256 visible characters')
    } else if (seen.has(key)) {
      fault(index, 'repeats the key of an earlier one')
    } else {
      seen.add(key)
      keys.push({ team, key: new Secret(key) })
    }
  }
  return keys
})
