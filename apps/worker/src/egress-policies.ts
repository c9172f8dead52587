import { type EgressPolicy, targetOf } from '@genqueue/egress'
import type { WorkerConfig } from './config.ts'

const WEBHOOK_PORTS = new Set([443, 80, 8443, 8080])
const MEDIA_PORTS = new Set([443, 8443])

type Named = Pick<WorkerConfig, 'EGRESS_ALLOW' | 'OUTPUT_HOSTS' | 'RUNWAY_BASE_URL' | 'RUNWARE_BASE_URL'>

/** Told of each refusal: of which calls, and why. */
type OnRefused = (stage: 'webhook' | 'output' | 'upload' | 'vendor', code: 'blocked' | 'invalid_url') => void

/** Where a worker may go, by whose word it goes there. Private addresses: in the operator's ranges only. */
export function egressPolicies(config: Named, onRefused: OnRefused = () => {}) {
  const base: EgressPolicy = { allowHttp: false, ports: MEDIA_PORTS, allow: config.EGRESS_ALLOW, deny: [] }
  const environmentsOwn = [config.RUNWAY_BASE_URL, config.RUNWARE_BASE_URL].map((url) => targetOf(new URL(url)))
  return {
    /** A caller's word. */
    webhooks: { ...base, ports: WEBHOOK_PORTS, onRefused: (code) => onRefused('webhook', code) },
    /** A vendor's word about its own files. */
    outputs: {
      ...base,
      ...(config.OUTPUT_HOSTS && { hosts: config.OUTPUT_HOSTS }),
      onRefused: (code) => onRefused('output', code),
    },
    /** A vendor's word about where inputs are to be put. */
    uploads: { ...base, onRefused: (code) => onRefused('upload', code) },
    /** An administrator's word, who need not be the operator: only the environment's own are taken unjudged. */
    vendors: { ...base, ports: 'any', trusted: environmentsOwn, onRefused: (code) => onRefused('vendor', code) },
  } as const satisfies Record<string, EgressPolicy>
}
