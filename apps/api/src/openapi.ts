import {
  ApiKey,
  ApiKeyList,
  CreateApiKeyRequest,
  CreateImageRequest,
  CreateJobRequest,
  CreateTeamRequest,
  CreateVideoRequest,
  CreateWebhookEndpointRequest,
  DeliveryDetail,
  DeliveryList,
  FileList,
  FileObject,
  ImagesResponse,
  JobErrorCode,
  JobList,
  JobResource,
  NewApiKey,
  PROBLEMS,
  ProviderKeyResource,
  ProviderResource,
  Team,
  TeamList,
  Video,
  VideoList,
  WebhookEndpoint,
  WebhookEndpointList,
  WebhookEndpointWithSecret,
} from '@genqueue/contract'
import { z } from 'zod'
import type { ErrorShape } from './problem-reply.ts'
import type { Route } from './route.ts'

type Json = Readonly<Record<string, unknown>>
export type Operation = {
  summary: string
  tags: readonly string[]
  parameters: readonly Parameter[]
  requestBody?: { content: Readonly<Record<string, { schema: Json }>> }
  responses: Readonly<Record<string, { description: string; content?: Readonly<Record<string, { schema: Json }>> }>>
  security?: readonly Json[]
}
type Parameter = {
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  description?: string
  schema: Json
}
export type OpenapiDocument = {
  openapi: '3.1.0'
  info: { title: string; version: string; description: string }
  servers: readonly { url: string }[]
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  components: { schemas: Readonly<Record<string, Json>>; securitySchemes: Json }
}

const CODE = z.enum(Object.keys(PROBLEMS) as [string, ...string[]]) // the codes of a const object
const OPENAI_CODE = z.enum([...CODE.options, ...JobErrorCode.options])
const ERROR_SCHEMAS: Readonly<Record<ErrorShape, { type: string; schema: z.ZodType }>> = {
  openai: {
    type: 'application/json',
    schema: z.object({
      error: z.object({
        message: z.string(),
        type: z.string(),
        param: z.string().nullable(),
        code: OPENAI_CODE,
        job_id: z.string().optional().meta({ description: 'On the image routes, once there is a job' }),
        retryable: z.boolean().optional(),
        provider_code: z.string().nullish(),
        provider_message: z.string().nullish(),
      }),
    }),
  },
  problem: {
    type: 'application/problem+json',
    schema: z.object({
      type: z.string(),
      title: z.string(),
      status: z.int(),
      detail: z.string(),
      code: CODE,
      param: z.string().nullable(),
      request_id: z.string(),
    }),
  },
}

/** The routes as an OpenAPI document, made from the schemas that check the requests themselves. */
export function openapiDocument(routes: readonly Route[], publicUrl: string): OpenapiDocument {
  const paths: Record<string, Record<string, Operation>> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'genqueue',
      version: '1',
      description: 'Durable jobs for AI media generation. A job made by any door has the same id on all of them.',
    },
    servers: [{ url: publicUrl }],
    paths,
    components: {
      schemas: Object.fromEntries([...NAMED].map(([schema, { name, io }]) => [name, inlineSchema(schema, io)])),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        xApiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        xBfVk: { type: 'apiKey', in: 'header', name: 'x-bf-vk' },
      },
    },
  }
}

function operationOf({ summary, tag, answers, errors, body, ...route }: Route): Operation {
  const responses: Record<string, Operation['responses'][string]> = {}
  for (const [status, { description, schema, content = 'application/json' }] of Object.entries(answers)) {
    responses[status] = {
      description,
      ...(schema && { content: { [content]: { schema: jsonSchema(schema, 'output') } } }),
      ...(!schema && content !== 'application/json' && { content: { [content]: { schema: {} } } }),
    }
  }
  const { type, schema } = ERROR_SCHEMAS[errors]
  responses.default = { description: 'An error', content: { [type]: { schema: jsonSchema(schema, 'output') } } }
  return {
    summary,
    tags: [tag],
    parameters: [...pathParameters(route.path), ...queryParameters(route.query), ...headerParameters(route.headers)],
    ...(body && { requestBody: { content: bodyContent(body) } }),
    responses,
    ...(route.scope && { security: ['bearer', 'xApiKey', 'xBfVk'].map((scheme) => ({ [scheme]: [route.scope] })) }),
  }
}

function bodyContent({ schema, multipart }: NonNullable<Route['body']>) {
  const content = { schema: jsonSchema(schema, 'input') }
  if (multipart === 'only') return { 'multipart/form-data': content }
  return multipart ? { 'application/json': content, 'multipart/form-data': content } : { 'application/json': content }
}

function pathParameters(path: string): Parameter[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters(query: Route['query']): Parameter[] {
  const properties = query ? inlineSchema(query, 'output').properties : undefined
  if (typeof properties !== 'object' || properties === null) return []
  const named = Object.entries(properties).map(([name, schema]): Parameter => {
    return { name, in: 'query', required: false, schema }
  })
  const hasMetadata = 'created_after' in properties
  const metadata: Parameter = {
    name: 'metadata[key]',
    in: 'query',
    required: false,
    description: 'Jobs whose metadata has this value under this key; may be repeated with other keys',
    schema: { type: 'string' },
  }
  return hasMetadata ? [...named, metadata] : named
}

function headerParameters(headers: Route['headers'] = {}): Parameter[] {
  return Object.entries(headers).map(([name, description]) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  }))
}

/** Schemas that several routes name are told once, under `components`. */
const NAMED: ReadonlyMap<z.ZodType, { name: string; io: 'input' | 'output' }> = new Map<
  z.ZodType,
  { name: string; io: 'input' | 'output' }
>([
  [CreateVideoRequest, { name: 'CreateVideoRequest', io: 'input' }],
  [Video, { name: 'Video', io: 'output' }],
  [VideoList, { name: 'VideoList', io: 'output' }],
  [CreateImageRequest, { name: 'CreateImageRequest', io: 'input' }],
  [ImagesResponse, { name: 'Images', io: 'output' }],
  [FileObject, { name: 'File', io: 'output' }],
  [FileList, { name: 'FileList', io: 'output' }],
  [CreateJobRequest, { name: 'CreateJobRequest', io: 'input' }],
  [JobResource, { name: 'Job', io: 'output' }],
  [CreateApiKeyRequest, { name: 'CreateApiKeyRequest', io: 'input' }],
  [ApiKey, { name: 'ApiKey', io: 'output' }],
  [NewApiKey, { name: 'NewApiKey', io: 'output' }],
  [ApiKeyList, { name: 'ApiKeyList', io: 'output' }],
  [CreateTeamRequest, { name: 'CreateTeamRequest', io: 'input' }],
  [Team, { name: 'Team', io: 'output' }],
  [TeamList, { name: 'TeamList', io: 'output' }],
  [CreateWebhookEndpointRequest, { name: 'CreateWebhookEndpointRequest', io: 'input' }],
  [WebhookEndpoint, { name: 'WebhookEndpoint', io: 'output' }],
  [WebhookEndpointWithSecret, { name: 'WebhookEndpointWithSecret', io: 'output' }],
  [WebhookEndpointList, { name: 'WebhookEndpointList', io: 'output' }],
  [DeliveryDetail, { name: 'Delivery', io: 'output' }],
  [DeliveryList, { name: 'DeliveryList', io: 'output' }],
  [JobList, { name: 'JobList', io: 'output' }],
  [ProviderResource, { name: 'Provider', io: 'output' }],
  [ProviderKeyResource, { name: 'ProviderKey', io: 'output' }],
  [ERROR_SCHEMAS.openai.schema, { name: 'OpenaiError', io: 'output' }],
  [ERROR_SCHEMAS.problem.schema, { name: 'Problem', io: 'output' }],
])

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const named = NAMED.get(schema)
  return named ? { $ref: `#/components/schemas/${named.name}` } : inlineSchema(schema, io)
}

function inlineSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, $defs: _defs, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return withoutRefs(rest)
}

// The only schema that contains itself is "any JSON", which is what an empty schema says.
function withoutRefs(schema: Json): Json {
  if ('$ref' in schema) return {}
  const simplify = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(simplify)
    return typeof value === 'object' && value !== null ? withoutRefs({ ...value }) : value
  }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, simplify(value)]))
}
