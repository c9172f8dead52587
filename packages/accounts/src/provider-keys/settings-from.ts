import type { ReplaceProviderRequest } from '@genqueue/contract'
import type { StoredSettings } from './provider-document.ts'

/** A request's settings as they are stored; what is not named is not set. */
export function settingsFrom(
  request: Partial<Pick<ReplaceProviderRequest, 'base_url' | 'timeouts' | 'concurrency' | 'limits'>>,
  before: StoredSettings | undefined,
  nowMs: number,
): StoredSettings {
  const { base_url: baseUrl, timeouts, concurrency, limits } = request
  const perModel = Object.entries(limits ?? {}).map(([model, limit]) => {
    return [model, { concurrency: limit.concurrency ?? undefined, perDay: limit.per_day ?? undefined }]
  })
  return {
    baseUrl: baseUrl ?? undefined,
    timeouts: { submitMs: milliseconds(timeouts?.submit_seconds), pollMs: milliseconds(timeouts?.poll_seconds) },
    concurrency: concurrency ?? undefined,
    limits: Object.fromEntries(perModel),
    createdAtMs: before?.createdAtMs ?? nowMs,
    updatedAtMs: nowMs,
  }
}

function milliseconds(seconds: number | null | undefined): number | undefined {
  return typeof seconds === 'number' ? Math.round(seconds * 1000) : undefined
}
