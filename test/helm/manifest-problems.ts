import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject'
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor'
import { Deployment } from 'kubernetes-models/apps/v1/Deployment'
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler'
import { Ingress } from 'kubernetes-models/networking.k8s.io/v1/Ingress'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget'
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap'
import { Secret } from 'kubernetes-models/v1/Secret'
import { Service } from 'kubernetes-models/v1/Service'
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount'
import type { Manifest } from './render-chart.ts'

const MODELS = [
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  Ingress,
  NetworkPolicy,
  PodDisruptionBudget,
  PodMonitor,
  ScaledObject,
  Secret,
  Service,
  ServiceAccount,
]

/**
 * What Kubernetes would refuse of a manifest, and what it would silently drop. Its published schemas allow unknown
 * fields; so a field that its validation never looks at is one that it does not know: a misspelt one.
 */
export function manifestProblems(manifest: Manifest): string[] {
  const model = MODELS.find(({ apiVersion, kind }) => apiVersion === manifest.apiVersion && kind === manifest.kind)
  if (!model) return [`${manifest.apiVersion} ${manifest.kind}: there is no schema for it`]
  const unread = new Set<string>()
  try {
    model.prototype.validate.call(watched(manifest, '', unread))
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
  // What lies below an unknown field goes without saying.
  const isBelow = (path: string) => [...unread].some((above) => path.startsWith(`${above}/`))
  return [...unread].filter((path) => !isBelow(path)).map((path) => `${path} is not a field`)
}

/** A copy that strikes off `unread` each path that somebody reads. */
function watched(value: unknown, path: string, unread: Set<string>): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map((item, index) => watched(item, `${path}/${index}`, unread))
  const inside = new Map(Object.entries(value).map(([key, item]) => [key, watched(item, `${path}/${key}`, unread)]))
  for (const key of inside.keys()) unread.add(`${path}/${key}`)
  return new Proxy(value, {
    get: (_, key) => {
      unread.delete(`${path}/${String(key)}`)
      return inside.get(String(key))
    },
  })
}
