import { collectDefaultMetrics, Registry } from 'prom-client'

let registry: Registry | undefined

/** Event loop lag, heap, garbage collection, file descriptors: of the process, so there is one, however often it is asked for. */
export function processRegistry(): Registry {
  if (registry === undefined) {
    registry = new Registry()
    // The usual 10 ms would be what an idle process does most of.
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 20 })
  }
  return registry
}
