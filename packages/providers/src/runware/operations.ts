import type { JobKind } from '@genqueue/contract'

/** `sync`: the create's own answer may bring the result, unless the work is on a video. */
type RunwareOperation = { kind: JobKind; delivery: 'sync' | 'async' }

/** Every task type that makes something; a new one is one line. */
export const RUNWARE_OPERATIONS = {
  imageInference: { kind: 'image', delivery: 'sync' },
  videoInference: { kind: 'video', delivery: 'async' },
  audioInference: { kind: 'audio', delivery: 'async' },
  '3dInference': { kind: 'model3d', delivery: 'async' },
  upscale: { kind: 'image', delivery: 'sync' },
  removeBackground: { kind: 'image', delivery: 'sync' },
  caption: { kind: 'text', delivery: 'sync' },
  vectorize: { kind: 'image', delivery: 'sync' },
  controlNetPreprocess: { kind: 'image', delivery: 'sync' },
  imageMasking: { kind: 'image', delivery: 'sync' },
  promptEnhance: { kind: 'text', delivery: 'sync' },
} as const satisfies Readonly<Record<string, RunwareOperation>>

/** Throws for a name that is not in the table: the doors let none through. */
function operationOf(name: string): RunwareOperation {
  const entry = Object.entries(RUNWARE_OPERATIONS).find(([each]) => each === name)
  if (!entry) throw new Error(`Runware has no operation '${name}'`)
  return entry[1]
}

type Body = Readonly<Record<string, unknown>>

/** What a task makes: the table's word, except that work on a video which is not put into words makes a video. */
export function runwareKindOf(operation: string, body: Body): JobKind {
  const { kind } = operationOf(operation)
  return kind === 'image' && isOnVideo(body) ? 'video' : kind
}

/** Whether the create may be answered with the result; work on a video only runs in the background. */
export function canWait(operation: string, body: Body): boolean {
  return operationOf(operation).delivery === 'sync' && !isOnVideo(body)
}

function isOnVideo({ inputs, inputVideo }: Body): boolean {
  return Boolean(inputVideo) || (typeof inputs === 'object' && inputs !== null && 'video' in inputs && !!inputs.video)
}
