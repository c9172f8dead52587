import { z } from 'zod'

const Media = z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) }))
const Document = z.object({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        requestBody: z.object({ content: Media }).optional(),
        responses: z.record(z.string(), z.object({ content: Media.optional() })),
        security: z.array(z.unknown()).optional(),
      }),
    ),
  ),
  components: z.object({ schemas: z.record(z.string(), z.record(z.string(), z.unknown())) }),
})

type Json = Record<string, unknown>

/** One method of one path of our OpenAPI document, as far as a crawler wants to know. */
export type Operation = {
  method: string
  path: string
  isPublic: boolean
  /** What JSON it takes; undefined where it takes none. */
  json: { properties: Json } | undefined
  /** A body that names what is needed, so that one bad field is what is judged. */
  example: Json
  /** What the document says that this answer's body is; undefined where that is not JSON. */
  schemaOf(response: Response): z.ZodType | undefined
}

/** What is needed at least. */
export const EXAMPLES = {
  '/v1/jobs': { provider: 'runway', operation: 'text_to_video', input: { model: 'gen4.5', promptText: 'x' } },
  '/v1/videos': { model: 'runway/gen4.5', prompt: 'x', seconds: '5', size: '1280x720' },
  '/v1/images/generations': { model: 'runware/runware:101@1', prompt: 'x', size: 'x' },
} as const

export function operationsOf(openapi: unknown): Operation[] {
  const { paths, components } = Document.parse(openapi)
  const resolved = (schema: Json): Json => {
    const name = typeof schema.$ref === 'string' ? schema.$ref.split('/').at(-1) : undefined
    return name === undefined ? schema : (components.schemas[name] ?? {})
  }
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody, responses, security }]): Operation => {
      const json = requestBody?.content['application/json']
      const properties = z.record(z.string(), z.unknown()).catch({})
      return {
        method: method.toUpperCase(),
        path,
        isPublic: security === undefined,
        json: json && { properties: properties.parse(resolved(json.schema).properties) },
        example: new Map<string, Json>(Object.entries(EXAMPLES)).get(path) ?? {},
        schemaOf({ status, headers }) {
          const type = headers.get('content-type') ?? ''
          if (!/^application\/(problem\+)?json$/.test(type)) return undefined
          const said = responses[status]?.content?.[type] ?? responses.default?.content?.[type]
          if (said === undefined)
            throw new Error(`${method} ${path} answers ${status} ${type}, which is not documented`)
          return z.fromJSONSchema(resolved(said.schema))
        },
      }
    }),
  )
}
