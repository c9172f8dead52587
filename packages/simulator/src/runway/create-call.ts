import { z } from 'zod'
import { markerIn } from '../directives.ts'
import { parseJson } from '../exchange.ts'
import { BadFault } from '../fault-args.ts'
import { type Answer, type ApiContext, answer, type Call, DOC_URL, invalidBody, refusal } from './call.ts'
import { endpointsOf, modelIn, tellsEstimate } from './catalogue.ts'
import { estimateCredits, type Model } from './model.ts'
import type { CreateStep, Script } from './script.ts'
import { validateBody } from './validation.ts'

interface Wanted {
  readonly endpoint: string
  readonly models: Readonly<Record<string, Model>>
  readonly body: unknown
  readonly model: string
  readonly prompt: string
}

const text = z.string().catch('')
const Prompts = z
  .object({ promptText: text, prompt: text, speech: z.object({ text }).catch({ text: '' }) })
  .catch({ promptText: '', prompt: '', speech: { text: '' } })
const UNKNOWN_PRICE = { perSecond: 10 }

/** Any POST that makes a task. */
export function createCall(context: ApiContext, call: Call): Answer {
  const { world } = context
  const wanted = readWanted(context, call)
  if ('regular' in wanted) return wanted
  const { raw = Buffer.alloc(0) } = call
  const { key } = call.account
  countRequest(context, wanted.prompt)
  world.watch.createStarted(key, call.path, raw)
  const script = chooseScript(context, call, wanted)
  if ('regular' in script) return script
  if (script.refuseMs !== undefined) context.refuse(script.refuseMs)
  const step = script.create ?? {}
  const isAccepted = call.isLost || (step.accept ?? (step.http === undefined || step.http < 400))
  const given = isAccepted ? accept(context, call, wanted, script) : pretence(context, step)
  // A create that is refused on its own merits shows nothing of the script.
  if (isAccepted && given.regular.status !== 200) return given
  if (leavesOpen(step, isAccepted) || call.isLost) world.watch.outcomeUnknown(key, call.path, raw)
  return { regular: given.regular, reply: step }
}

function readWanted({ world }: ApiContext, { path, method, raw }: Call): Wanted | Answer {
  const endpoint = path.startsWith('/v1/') ? path.slice('/v1/'.length) : ''
  const endpoints = endpointsOf(world.options.dialect)
  const models = Object.hasOwn(endpoints, endpoint) ? endpoints[endpoint] : undefined
  if (!models) return refusal(404, 'Not Found')
  if (method !== 'POST') return refusal(405, 'Method Not Allowed')
  if (!raw) return refusal(413, 'Payload Too Large')
  const body = parseJson(raw.toString())
  if (body === undefined) return refusal(400, 'The body is not JSON.', { docUrl: DOC_URL })
  const { promptText, prompt, speech } = Prompts.parse(body)
  return { endpoint, models, body, model: modelIn(endpoint, body) ?? '', prompt: promptText || prompt || speech.text }
}

function countRequest({ world }: ApiContext, prompt: string): void {
  const marker = markerIn(prompt)
  if (marker !== undefined) world.requestsByMarker.set(marker, (world.requestsByMarker.get(marker) ?? 0) + 1)
}

function chooseScript({ world }: ApiContext, { headers }: Call, { endpoint, model, prompt }: Wanted): Script | Answer {
  const header = headers['x-sim-script']
  try {
    return world.book.forCreate({ endpoint, model, prompt, header: typeof header === 'string' ? header : undefined })
  } catch (error) {
    if (!(error instanceof BadFault)) throw error
    return invalidBody([{ code: 'custom', path: ['promptText'], message: error.message }])
  }
}

/** What a create that made nothing says when the script bends its answer without replacing it. */
function pretence({ world }: ApiContext, step: CreateStep): Answer {
  return answer(200, step.omitId ? {} : { id: world.options.seeded.uuid('a task that never was') })
}

/** Whether the client cannot tell from the answer if there is a task now. */
function leavesOpen(step: CreateStep, isAccepted: boolean): boolean {
  if (!isAccepted) return step.http !== undefined && step.http >= 500
  const breaksOff = step.fate !== undefined && step.fate !== 'trickle'
  return breaksOff || step.http !== undefined || step.body !== undefined || step.omitId === true
}

function accept({ world, ...context }: ApiContext, { account }: Call, wanted: Wanted, script: Script): Answer {
  const { endpoint, models, body, model } = wanted
  if (context.validate) {
    const isUpload = (uri: string): boolean => world.uploads.isUsable(uri)
    const validated = validateBody(endpoint, models, body, { ...context, isUpload })
    if (validated.kind === 'invalid') return invalidBody(validated.issues)
  }
  if (account.createdToday(model, world.clock.now()) >= world.daily.of(model)) {
    return refusal(429, 'Your daily task limit has been reached.')
  }
  const price = Object.hasOwn(models, model) ? models[model]?.price : undefined
  const estimatedCredits = estimateCredits(price ?? UNKNOWN_PRICE, body)
  if (account.credits < estimatedCredits) {
    return refusal(400, 'You do not have enough credits to run this task.', { docUrl: DOC_URL })
  }
  const { id } = world.createTask({ account, endpoint, model, body, prompt: wanted.prompt, estimatedCredits, script })
  const isEstimateTold = tellsEstimate(endpoint, world.options.dialect) && script.create?.estimate !== false
  return answer(200, {
    ...(script.create?.omitId ? {} : { id }),
    ...(isEstimateTold ? { estimatedCost: { credits: estimatedCredits } } : {}),
  })
}
