import type { Agent } from 'undici'
import { type Cidr, parseCidrs } from './cidr.ts'
import type { EgressPolicy } from './egress-policy.ts'
import { createGuardedAgent, type GuardedAgentOptions } from './guarded-agent.ts'
import { type GuardedRequestOptions, type GuardedResponse, guardedRequest } from './guarded-request.ts'

/** For tests: the most permissive policy for public hosts, so that only addresses decide. */
export const OPEN_POLICY: EgressPolicy = { allowHttp: true, ports: 'any', allow: [], deny: [] }
export const LOOPBACK: readonly Cidr[] = parseCidrs('127.0.0.0/8, ::1/128')
export const LOOPBACK_POLICY: EgressPolicy = { ...OPEN_POLICY, allowHttp: false, allow: LOOPBACK }

export type Caller = {
  agent: Agent
  call(url: string, options?: Partial<GuardedRequestOptions>): Promise<GuardedResponse>
  [Symbol.asyncDispose](): Promise<void>
}

/** For tests: a guarded agent and a way to call through it, destroyed at the end of the block. */
export function createCaller(policy: EgressPolicy, options: Partial<GuardedAgentOptions> = {}): Caller {
  const agent = createGuardedAgent(policy, {
    dnsTimeoutMs: 2_000,
    connectTimeoutMs: 2_000,
    connections: 2,
    keepAliveMs: 1_000,
    ...options,
  })
  return {
    agent,
    call: (url, requestOptions) =>
      guardedRequest({
        agent,
        policy,
        method: 'GET',
        url,
        totalTimeoutMs: 5_000,
        headersTimeoutMs: 2_000,
        ...requestOptions,
      }),
    [Symbol.asyncDispose]: () => agent.destroy(),
  }
}
