import { collectDefaultMetrics, Registry } from 'prom-client'

let registry: Registry | undefined

/** Event loop lag, heap, garbage collection, file descriptors: of the process, so there is one, however often it is asked for. */
export function processRegistry(): Registry {
  if (registry === undefined) {
    registry = new Registry()
    collectDefaultMetrics({ register: registry })
  }
  return registry
}
