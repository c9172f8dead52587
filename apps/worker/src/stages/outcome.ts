/** What a stage did. Waiting is not failing: a snooze spends no attempt. Throwing means "again, soon". */
export type StageOutcome = { kind: 'done'; note: string } | { kind: 'snooze'; delayMs: number; note: string }

export function done(note: string): StageOutcome {
  return { kind: 'done', note }
}

/** Come back to this message later. */
export function snooze(delayMs: number, note: string): StageOutcome {
  return { kind: 'snooze', delayMs: Math.max(1, Math.ceil(delayMs)), note }
}
