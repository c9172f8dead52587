import { DeletedFile, FileId, FileList, FileObject, ProblemError } from '@genqueue/contract'
import { z } from 'zod'
import type { AppDeps } from '../app-deps.ts'
import { createFile, NewFile } from '../files/create-file.ts'
import { CONTENT_ANSWERS, serveObject } from '../files/serve-output.ts'
import type { StoredFile } from '../files/stored-files.ts'
import { parseRequest } from '../invalid-request.ts'
import { json } from '../reply.ts'
import type { ApiContext, Caller, Route } from '../route.ts'

const FileListQuery = z.object({
  after: FileId.optional().meta({ description: 'The last_id of the page before' }),
  limit: z.coerce.number().int().min(0).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc').meta({ description: 'By time of upload' }),
  purpose: z.string().max(64).optional(),
})

/** OpenAI's files API, for inputs that are stored once and used by many jobs. */
export function fileRoutes(deps: AppDeps): Route[] {
  const { files, storage } = deps
  const base = { tag: 'Files', errors: 'openai' } as const
  return [
    {
      ...base,
      method: 'POST',
      path: '/v1/files',
      scope: 'jobs:create',
      summary: 'Store an input',
      body: { schema: NewFile, multipart: 'only' },
      answers: { 200: { description: 'The file', schema: FileObject } },
      handle: async (c, caller) => json(200, fileObject(await createFile(c, caller, deps))),
    },
    {
      ...base,
      method: 'GET',
      path: '/v1/files',
      scope: 'jobs:read',
      summary: 'List files',
      query: FileListQuery,
      answers: { 200: { description: "A page of the team's files", schema: FileList } },
      async handle(c, { team }) {
        const { files: page, hasMore } = await files.list(team, parseRequest(FileListQuery, c.req.query()))
        const data = page.map(fileObject)
        const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
        return json(200, { object: 'list', data, ...ends, has_more: hasMore } satisfies FileList)
      },
    },
    {
      ...base,
      method: 'GET',
      path: '/v1/files/:id',
      scope: 'jobs:read',
      summary: 'Look at a file',
      answers: { 200: { description: 'The file', schema: FileObject } },
      handle: async (c, caller) => json(200, fileObject(await findFile(c, caller, deps))),
    },
    {
      ...base,
      method: 'GET',
      path: '/v1/files/:id/content',
      scope: 'jobs:read',
      summary: 'Download a file',
      answers: CONTENT_ANSWERS,
      handle: async (c, caller) => serveObject(c, deps, await findFile(c, caller, deps)),
    },
    {
      ...base,
      method: 'DELETE',
      path: '/v1/files/:id',
      scope: 'jobs:cancel',
      summary: 'Delete a file; jobs that have not taken it in yet fail',
      answers: { 200: { description: 'Deleted', schema: DeletedFile } },
      async handle(c, caller) {
        const file = await findFile(c, caller, deps)
        // The record goes last, so that a removal cut short can be asked for again.
        await storage.delete(file.key)
        await files.remove(file)
        return json(200, { id: file.id, object: 'file', deleted: true } satisfies DeletedFile)
      },
    },
  ]
}

/** The file of the path. Another team's and one that never was are the same: not found. */
async function findFile(c: ApiContext, { team }: Caller, { files }: AppDeps): Promise<StoredFile> {
  const id = FileId.safeParse(c.req.param('id'))
  const file = id.success ? await files.get(id.data, team) : undefined
  if (file) return file
  throw new ProblemError('not_found', 'There is no file with this id', { param: 'id' })
}

function fileObject(file: StoredFile): FileObject {
  const { id, bytes, createdMs, expiresMs, filename, purpose, contentType, sha256 } = file
  return {
    id,
    object: 'file',
    bytes,
    created_at: Math.floor(createdMs / 1000),
    expires_at: Math.floor(expiresMs / 1000),
    filename,
    purpose,
    content_type: contentType,
    sha256,
  }
}
