import type { ProviderName } from '@genqueue/contract'
import type { WorkerConfig } from './config.ts'
import type { KeyBook } from './key-ring.ts'

/** How a vendor is called. */
export type VendorSettings = { baseUrl: string; submitTimeoutMs: number; pollTimeoutMs: number }

/** As the operator says now, and where nothing is said as the environment does. */
export function vendorSettings(name: ProviderName, book: KeyBook, config: WorkerConfig): VendorSettings {
  const { baseUrl, timeouts } = book.settings(name)
  return {
    baseUrl: baseUrl ?? { runway: config.RUNWAY_BASE_URL, runware: config.RUNWARE_BASE_URL }[name],
    submitTimeoutMs: timeouts.submitMs ?? config.SUBMIT_TIMEOUT_MS,
    pollTimeoutMs: timeouts.pollMs ?? config.POLL_TIMEOUT_MS,
  }
}
