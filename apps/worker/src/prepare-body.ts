import { jobError } from '@genqueue/contract'
import type { JobRecord } from '@genqueue/jobs'
import { fillInputs, type Provider, type VendorBody } from '@genqueue/providers'
import type { Storage } from '@genqueue/storage'
import { type ProviderKey, upstreamModel } from './key-ring.ts'
import type { PreparedBody } from './stages/submit-deps.ts'
import { trustedSinceMs, type UploadedInputs } from './uploaded-inputs.ts'

const UPLOAD_RETRY_MS = 5_000

/**
 * The vendor's body with the stored inputs in their places, as data URIs or uploads, and the model by the name that the
 * key's account knows it by. Costs nothing, may be repeated.
 */
export async function prepareBody(
  job: JobRecord,
  key: ProviderKey,
  deps: { provider: Provider; storage: Storage; uploaded: UploadedInputs; timeoutMs: number },
): Promise<PreparedBody> {
  const { provider, storage, uploaded, timeoutMs } = deps
  const values: string[] = []
  for (const input of job.request.inputs) {
    if (!(await storage.head(input.key))) return { kind: 'ended', error: jobError('input_unavailable') }
    const { bytes, contentType, filename, sha256 } = input
    const open = async () => {
      const found = await storage.get(input.key)
      if (!found) throw new Error('a stored input vanished while it was read')
      return found.body
    }
    const call = { key: key.key, signal: AbortSignal.timeout(timeoutMs) }
    const known = { keyId: key.id, sha256, trustedSinceMs: trustedSinceMs(job) }
    const upload = () => provider.prepareInput({ bytes, contentType, filename, open }, call)
    const prepared = await uploaded.prepared(known, upload)
    if (prepared.kind === 'refused') return { kind: 'ended', error: prepared.error }
    if (prepared.kind === 'retry') {
      return { kind: 'later', delayMs: prepared.retryAfterMs ?? UPLOAD_RETRY_MS, detail: prepared.detail }
    }
    values.push(prepared.value)
  }
  const body = withUpstreamModel(job.request.body, key)
  return { kind: 'ready', body: values.length === 0 ? body : fillInputs(body, values) }
}

function withUpstreamModel(body: VendorBody, key: ProviderKey): VendorBody {
  const { model } = body
  return typeof model === 'string' ? { ...body, model: upstreamModel(key, model) } : body
}
