import { jobError } from '@genqueue/contract'
import type { JobRecord } from '@genqueue/jobs'
import { fillInputs, type Provider } from '@genqueue/providers'
import type { Storage } from '@genqueue/storage'
import type { ProviderKey } from './key-ring.ts'
import type { PreparedBody } from './stages/submit-deps.ts'

const UPLOAD_RETRY_MS = 5_000

/** The vendor's body with the stored inputs in their places, as data URIs or uploads. Costs nothing, may be repeated. */
export async function prepareBody(
  job: JobRecord,
  key: ProviderKey,
  deps: { provider: Provider; storage: Storage; timeoutMs: number },
): Promise<PreparedBody> {
  const { provider, storage, timeoutMs } = deps
  const values: string[] = []
  for (const input of job.request.inputs) {
    if (!(await storage.head(input.key))) return { kind: 'ended', error: jobError('input_unavailable') }
    const { bytes, contentType, filename } = input
    const open = async () => {
      const found = await storage.get(input.key)
      if (!found) throw new Error('a stored input vanished while it was read')
      return found.body
    }
    const call = { key: key.key, signal: AbortSignal.timeout(timeoutMs) }
    const prepared = await provider.prepareInput({ bytes, contentType, filename, open }, call)
    if (prepared.kind === 'refused') return { kind: 'ended', error: prepared.error }
    if (prepared.kind === 'retry') {
      return { kind: 'later', delayMs: prepared.retryAfterMs ?? UPLOAD_RETRY_MS, detail: prepared.detail }
    }
    values.push(prepared.value)
  }
  return { kind: 'ready', body: values.length === 0 ? job.request.body : fillInputs(job.request.body, values) }
}
