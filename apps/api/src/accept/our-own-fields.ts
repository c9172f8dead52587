import { ProblemError, type ProviderName } from '@genqueue/contract'
import type { VendorBody } from '@genqueue/providers'

type Rule = { allows?: (value: unknown, operation: string) => boolean; why: string }

/** What stands between the vendor and us in a body; a value that we would have to overrule is refused, not dropped. */
const OURS: Readonly<Record<ProviderName, Readonly<Record<string, Rule>>>> = {
  runway: {},
  runware: {
    taskType: { allows: (value, operation) => value === operation, why: 'it is the operation' },
    taskUUID: { why: 'it is made here, so that no request is charged twice; see task_id of the job' },
    deliveryMethod: { why: 'it is chosen here' },
    webhookURL: { why: 'webhook_url beside it is called when the job has ended' },
    includeCost: { allows: (value) => value === true, why: 'the cost is always asked for' },
    outputType: { allows: isUrl, why: 'outputs are fetched by their URL; the job shows where they lie' },
  },
}

/** `where` names the parameter in the spelling of the door: `input[taskUUID]`. */
export function refuseOurOwn(
  provider: ProviderName,
  operation: string,
  body: VendorBody,
  where: (field: string) => string,
): void {
  for (const [field, { allows, why }] of Object.entries(OURS[provider])) {
    const value = body[field]
    if (value === undefined || allows?.(value, operation)) continue
    const param = where(field)
    throw new ProblemError('not_supported', `${param} cannot be chosen: ${why}. Leave it out`, { param })
  }
}

function isUrl(value: unknown): boolean {
  return value === 'URL' || (Array.isArray(value) && value.length > 0 && value.every((item) => item === 'URL'))
}
