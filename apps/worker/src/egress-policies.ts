import { type EgressPolicy, targetOf } from '@genqueue/egress'
import type { WorkerConfig } from './config.ts'

const WEBHOOK_PORTS = new Set([443, 80, 8443, 8080])
const MEDIA_PORTS = new Set([443, 8443])

type Named = Pick<WorkerConfig, 'EGRESS_ALLOW' | 'OUTPUT_HOSTS' | 'RUNWAY_BASE_URL' | 'RUNWARE_BASE_URL'>

/** Where a worker may go, by whose word it goes there. Private addresses: in the operator's ranges only. */
export function egressPolicies(config: Named) {
  const base: EgressPolicy = { allowHttp: false, ports: MEDIA_PORTS, allow: config.EGRESS_ALLOW, deny: [] }
  const environmentsOwn = [config.RUNWAY_BASE_URL, config.RUNWARE_BASE_URL].map((url) => targetOf(new URL(url)))
  return {
    /** A caller's word. */
    webhooks: { ...base, ports: WEBHOOK_PORTS },
    /** A vendor's word about its own files. */
    outputs: { ...base, ...(config.OUTPUT_HOSTS && { hosts: config.OUTPUT_HOSTS }) },
    /** A vendor's word about where inputs are to be put. */
    uploads: base,
    /** An administrator's word, who need not be the operator: only the environment's own are taken unjudged. */
    vendors: { ...base, ports: 'any', trusted: environmentsOwn },
  } as const satisfies Record<string, EgressPolicy>
}
