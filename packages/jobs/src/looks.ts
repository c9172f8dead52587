/**
 * What the looks at a task have told so far. One field of the hash, because all of it is read and written with every
 * look: six fields cost Redis and us three times as much.
 */
export type Looks = {
  polls: number
  /** Looks in a row that failed, and that said 404. */
  pollErrors: number
  misses: number
  /** 0 to 1; never falls. */
  progress: number
  runningSinceMs: number | undefined
  upstreamStatus: string
}

/** A task that nobody has looked at. `ACCEPTED` is our word; the vendor's follows. */
export const NO_LOOKS: Looks = {
  polls: 0,
  pollErrors: 0,
  misses: 0,
  progress: 0,
  runningSinceMs: undefined,
  upstreamStatus: 'ACCEPTED',
}

/** What the looks at the job's task have told, for a record that has a task. */
export function looksOf(job: { [Name in keyof Looks]?: Looks[Name] | undefined }): Looks {
  return {
    polls: job.polls ?? NO_LOOKS.polls,
    pollErrors: job.pollErrors ?? NO_LOOKS.pollErrors,
    misses: job.misses ?? NO_LOOKS.misses,
    progress: job.progress ?? NO_LOOKS.progress,
    runningSinceMs: job.runningSinceMs,
    upstreamStatus: job.upstreamStatus ?? NO_LOOKS.upstreamStatus,
  }
}

/** Numbers first: the vendor's word may hold anything. */
export function encodeLooks({ polls, pollErrors, misses, progress, runningSinceMs, upstreamStatus }: Looks): string {
  return `${polls},${pollErrors},${misses},${progress},${runningSinceMs ?? ''},${upstreamStatus}`
}

/** Throws on what `encodeLooks` did not write. */
export function decodeLooks(text: string): Looks {
  const [polls = '', pollErrors = '', misses = '', progress = '', runningSince, ...status] = text.split(',')
  const looks = {
    polls: Number(polls),
    pollErrors: Number(pollErrors),
    misses: Number(misses),
    progress: Number(progress),
    runningSinceMs: runningSince ? Number(runningSince) : undefined,
    upstreamStatus: status.join(','),
  }
  const isSound = Number.isFinite(looks.polls + looks.pollErrors + looks.misses + looks.progress)
  if (!isSound || runningSince === undefined || Number.isNaN(looks.runningSinceMs)) {
    throw new Error('a record holds looks that nobody wrote')
  }
  return looks
}
