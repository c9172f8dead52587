import { z } from 'zod'

/** `file_` and a ULID: an input that was stored once and may be used by many jobs of its team. */
export const FileId = z
  .string()
  .regex(/^file_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be an id: file_ and 26 digits and capital letters')
export type FileId = z.infer<typeof FileId>

/** OpenAI's file object, with hash and type. */
export const FileObject = z.object({
  id: FileId,
  object: z.literal('file'),
  bytes: z.int(),
  created_at: z.int().meta({ description: 'Unix seconds' }),
  expires_at: z.int().nullable(),
  filename: z.string(),
  purpose: z.string(),
  content_type: z.string(),
  sha256: z.string(),
})
export type FileObject = z.infer<typeof FileObject>

export const DeletedFile = z.object({ id: FileId, object: z.literal('file'), deleted: z.literal(true) })
export type DeletedFile = z.infer<typeof DeletedFile>

export const FileList = z.object({
  object: z.literal('list'),
  data: z.array(FileObject),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
})
export type FileList = z.infer<typeof FileList>
