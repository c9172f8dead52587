import {
  DeletedProviderKey,
  ProviderKeyInput,
  ProviderKeyList,
  ProviderKeyResource,
  type ProviderName,
} from '@genqueue/contract'
import type { AppDeps } from '../app-deps.ts'
import { parseRequest } from '../invalid-request.ts'
import { readJsonBody } from '../read-json-body.ts'
import { json } from '../reply.ts'
import type { ApiContext, Route } from '../route.ts'

type Shared = {
  base: { tag: 'Admin'; errors: 'problem'; scope: 'providers:admin' }
  providerOf: (c: ApiContext) => ProviderName
}

/** Single keys of a provider. */
export function providerKeyRoutes({ config, providerKeys }: AppDeps, { base, providerOf }: Shared): Route[] {
  const { keys } = providerKeys
  const idOf = (c: ApiContext) => c.req.param('id') ?? ''
  const inputOf = async (c: ApiContext) => parseRequest(ProviderKeyInput, await readJsonBody(c.req.raw, config.limits))
  return [
    {
      ...base,
      method: 'GET',
      path: '/api/providers/:provider/keys',
      summary: 'List the keys of a provider',
      answers: { 200: { description: 'Stored keys and those of the environment, masked', schema: ProviderKeyList } },
      async handle(c) {
        return json(200, { object: 'list', data: await keys.list(providerOf(c)) } satisfies ProviderKeyList)
      },
    },
    {
      ...base,
      method: 'POST',
      path: '/api/providers/:provider/keys',
      summary: 'Add a key to a provider',
      body: { schema: ProviderKeyInput, multipart: false },
      answers: { 201: { description: 'The key, masked', schema: ProviderKeyResource } },
      async handle(c, caller) {
        const provider = providerOf(c)
        const key = await keys.add(provider, await inputOf(c), caller)
        return json(201, key, { location: `/api/providers/${provider}/keys/${key.id}` })
      },
    },
    {
      ...base,
      method: 'GET',
      path: '/api/providers/:provider/keys/:id',
      summary: 'Look at a key',
      answers: { 200: { description: 'The key, masked', schema: ProviderKeyResource } },
      async handle(c) {
        return json(200, await keys.get(providerOf(c), idOf(c)))
      },
    },
    {
      ...base,
      method: 'PUT',
      path: '/api/providers/:provider/keys/:id',
      summary: 'Replace a key; the value as it is shown keeps the stored one',
      body: { schema: ProviderKeyInput, multipart: false },
      answers: { 200: { description: 'The key, masked', schema: ProviderKeyResource } },
      async handle(c, caller) {
        return json(200, await keys.replace(providerOf(c), idOf(c), await inputOf(c), caller))
      },
    },
    {
      ...base,
      method: 'DELETE',
      path: '/api/providers/:provider/keys/:id',
      summary: 'Delete a key',
      answers: { 200: { description: 'Gone for new jobs; `retired` says what runs on', schema: DeletedProviderKey } },
      async handle(c, caller) {
        return json(200, await keys.remove(providerOf(c), idOf(c), caller))
      },
    },
  ]
}
