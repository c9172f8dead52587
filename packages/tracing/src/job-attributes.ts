import type { Attributes } from './tracing.ts'

/** What is read of a job. */
export type TracedJob = {
  id: string
  team: string
  provider: string
  operation: string
  model?: string | undefined
  kind: string
}

/** What every step of a job says of it. Names are those of OpenTelemetry's conventions for generative models, and ours. */
export function jobAttributes({ id, team, provider, operation, model, kind }: TracedJob): Attributes {
  return {
    'genqueue.job.id': id,
    'genqueue.team': team,
    'genqueue.operation': operation,
    'gen_ai.operation.name': 'generate_content',
    'gen_ai.provider.name': provider,
    'gen_ai.request.model': model,
    'gen_ai.output.type': kind,
  }
}

/** What the conventions for messaging say of a step that sends a message with the id of a job, or handles it. */
export function messageAttributes(operation: 'send' | 'process', queue: string, jobId: string): Attributes {
  return {
    'messaging.system': 'bullmq',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.name': queue,
    'messaging.message.id': jobId,
  }
}
