import { type ProblemCode, ProblemError } from '@genqueue/contract'
import type { LimitName, Refusal } from '@genqueue/jobs'

const UNITS: Readonly<Record<LimitName, string>> = {
  jobs_in_flight: 'jobs under way at a time',
  jobs_per_day: 'jobs a day',
  credits_per_day: 'Runway credits a day',
  credits_per_month: 'Runway credits a month',
  usd_per_day: 'USD a day',
  usd_per_month: 'USD a month',
}

/** A job that would be one too many: which limit, whose, and when there is room again. */
export function limitProblem({ scope, limit, value, freesInMs }: Refusal): ProblemError {
  const whose = scope === 'team' ? 'This team' : 'This API key'
  const reached = `${whose} has reached its limit of ${UNITS[limit]}, which is ${value} (${limit})`
  const headers = { 'retry-after': String(Math.ceil(freesInMs / 1000)) }
  if (limit === 'jobs_in_flight') {
    return new ProblemError('too_many_jobs', `${reached}; send it again when one of them has ended`, { headers })
  }
  const anew = limit.endsWith('day') ? 'a new day begins at midnight UTC' : 'a new month begins on the first, UTC'
  const code: ProblemCode = limit === 'jobs_per_day' ? 'daily_limit_reached' : 'budget_exceeded'
  const held = code === 'budget_exceeded' ? ', or would with this job and what is held for those under way' : ''
  // An SDK that waits seconds and sends it again would only be refused again.
  return new ProblemError(code, `${reached}${held}; ${anew}`, {
    headers: { ...headers, 'x-should-retry': 'false' },
  })
}
