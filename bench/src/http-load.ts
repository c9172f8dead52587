import { z } from 'zod'
import type { Child } from './child.ts'
import { microseconds, thousands } from './row.ts'
import { measure, type Stand } from './stand.ts'

export const LoadResult = z.object({
  requests: z.number(),
  seconds: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  maxMs: z.number(),
  /** Answered 503. */
  refused: z.number(),
  unexpected: z.number(),
  firstUnexpected: z.string(),
})
export type LoadResult = z.infer<typeof LoadResult>

/** What `targets/http-load.ts` is to send. */
export type Requests = {
  port: number
  method: 'GET' | 'POST'
  paths: readonly string[]
  headers: Record<string, string>
  body?: string
  idempotencyKey?: string
  expect: number
}

export type LoadCost = {
  nodeUs: number
  redisUs: number
  perSecond: number
  p50Ms: number
  p99Ms: number
  refused: number
}

const WARM_UP_REQUESTS = 30_000

/** CPU per request of the measured process and of Redis under 64 connections, and what their callers saw. */
export async function loadCost(
  { server, load, stand }: { server: Child; load: Child; stand: Stand },
  requests: Requests,
  { seconds }: { seconds: number },
): Promise<LoadCost> {
  const run = async (forSeconds: number) => {
    const answer = await load.ask('run', { ...requests, connections: 64, seconds: forSeconds })
    const result = LoadResult.parse(answer)
    if (result.unexpected > 0) {
      throw new Error(`${result.unexpected} of ${result.requests} answers are wrong:\n${result.firstUnexpected}`)
    }
    return result
  }
  // By requests, not by time: a server costs four times as much until the compiler has seen enough of them.
  const warmUpEndMs = performance.now() + 1_300 * seconds
  for (let sent = 0; sent < WARM_UP_REQUESTS && performance.now() < warmUpEndMs; ) sent += (await run(0.5)).requests
  const { value, nodeUs, redisUs } = await measure(server, stand, () => run(seconds))
  return {
    nodeUs: nodeUs / value.requests,
    redisUs: redisUs / value.requests,
    perSecond: value.requests / value.seconds,
    p50Ms: value.p50Ms,
    p99Ms: value.p99Ms,
    refused: value.refused,
  }
}

/** The cheapest round: on a shared machine disturbance only ever adds. */
export function cheapest(rounds: readonly LoadCost[]): LoadCost {
  return rounds.reduce((a, b) => (b.nodeUs < a.nodeUs ? b : a))
}

export function describeCost({ nodeUs, redisUs, perSecond, p50Ms, p99Ms, refused }: LoadCost): string {
  const cost = `${thousands(perSecond)}/s, ${microseconds(nodeUs)} + ${microseconds(redisUs)} µs`
  const seen = `p50 ${p50Ms.toFixed(1)} p99 ${p99Ms.toFixed(1)} ms`
  return `${cost}, ${seen}${refused > 0 ? `, ${refused} answered 503` : ''}`
}
