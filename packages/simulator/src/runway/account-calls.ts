import { z } from 'zod'
import { parseJson } from '../exchange.ts'
import { type Answer, type ApiContext, answer, type Call, invalidBody, refusal } from './call.ts'
import { endpointsOf } from './catalogue.ts'

const UploadRequest = z.strictObject({ filename: z.string().min(1), type: z.literal('ephemeral') })
const Seed004UploadRequest = z.object({ filename: z.string().min(1) })
const MONTHLY_CREDITS = 10_000

/** `POST /v1/uploads`: reserves a place and says where the file goes. */
export function uploadCall({ world, uploadUrl }: ApiContext, { method, raw }: Call): Answer {
  if (method !== 'POST') return refusal(405, 'Method Not Allowed')
  const isReal = world.options.dialect === 'real'
  const parsed = (isReal ? UploadRequest : Seed004UploadRequest).safeParse(parseJson(raw?.toString() ?? ''))
  if (!parsed.success) return invalidBody(parsed.error.issues)
  const script = world.book.forUpload().upload ?? {}
  if (script.placeholder) return { ...refusal(500, 'Internal Server Error'), reply: script.placeholder }
  const upload = world.uploads.reserve(parsed.data.filename, script.storage)
  const place = { uploadUrl: uploadUrl(upload.id), fields: upload.fields }
  const reference = isReal ? { runwayUri: upload.uri } : { id: upload.id }
  return answer(200, script.omitUri ? place : { ...reference, ...place })
}

/** `GET /v1/organization`: balance, limits and today's use, per model. */
export function organizationCall({ world }: ApiContext, { account, method }: Call): Answer {
  if (world.options.dialect === 'seed004') return refusal(404, 'Not Found')
  if (method !== 'GET') return refusal(405, 'Method Not Allowed')
  const {
    nullLimits = false,
    creditBalance = account.credits,
    reply = {},
  } = world.book.forOrganization().organization ?? {}
  const limitOrNull = (limit: number): number | null => (nullLimits || !Number.isFinite(limit) ? null : limit)
  const names = new Set(Object.values(endpointsOf('real')).flatMap((models) => Object.keys(models)))
  const limits = [...names].map((model) => [
    model,
    {
      maxConcurrentGenerations: limitOrNull(world.concurrency.of(model)),
      maxDailyGenerations: limitOrNull(world.daily.of(model)),
    },
  ])
  const nowMs = world.clock.now()
  const used = account.modelsUsed().map((model) => [model, { dailyGenerations: account.createdToday(model, nowMs) }])
  const organization = {
    creditBalance,
    tier: { maxMonthlyCreditSpend: MONTHLY_CREDITS, models: Object.fromEntries(limits) },
    usage: { models: Object.fromEntries(used) },
  }
  return answer(200, organization, reply)
}
