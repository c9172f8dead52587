export { limitBytes, readCapped } from './body.ts'
export { type Cidr, parseCidrs } from './cidr.ts'
export { classifyNetworkError, type NetworkErrorClass } from './classify-network-error.ts'
export { EgressError, type EgressErrorCode, type Written } from './egress-error.ts'
export { checkUrl, type EgressPolicy, targetOf } from './egress-policy.ts'
export { createGuardedAgent, type GuardedAgentOptions } from './guarded-agent.ts'
export {
  type GuardedRequestOptions,
  type GuardedResponse,
  guardedRequest,
  isForbiddenHeader,
} from './guarded-request.ts'
export type { Resolver } from './resolver.ts'
