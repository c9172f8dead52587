import { z } from 'zod'
import { PROVIDERS, ProviderName } from './job.ts'
import { Limits } from './limits.ts'

export const TeamId = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,63}$/,
    'must be 1 to 64 small letters, digits, _ and -, and begin with one of the first two',
  )

/** `runway/gen4.5`, or with a star at its end all that begin so: `runway/*`. */
const ModelPattern = z
  .string()
  .max(128)
  .regex(
    new RegExp(`^(${PROVIDERS.join('|')})/([^*\\s]+\\*?|\\*)$`),
    'must be a model such as runway/gen4.5, or a beginning and a star such as runway/*',
  )

const list = <Item extends z.ZodType>(item: Item) => z.array(item).min(1).max(100)

/** What a team or a key may be used for; what is not named is not restricted. */
export const Allowances = z.object({
  models: list(ModelPattern).optional().meta({ description: '`runway/gen4.5`, `runway/*`; any unless given' }),
  providers: list(ProviderName).optional().meta({ description: 'Any unless given' }),
})

/** What people call a team or a key. */
export const DisplayName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^\P{Cc}*$/u, 'must not hold control characters, line breaks among them')
  .meta({ description: 'For people' })

export const CreateTeamRequest = Allowances.extend({
  id: TeamId,
  name: DisplayName.optional(),
  limits: Limits.optional(),
}).strict()
export type CreateTeamRequest = z.infer<typeof CreateTeamRequest>

/** `PUT`: all of a team's settings. */
export const PutTeamRequest = CreateTeamRequest.omit({ id: true })
export type PutTeamRequest = z.infer<typeof PutTeamRequest>

/** `PATCH`: what is not named stays; null takes a setting away. */
export const PatchTeamRequest = z.strictObject({
  name: DisplayName.nullable().optional(),
  limits: Limits.nullable().optional(),
  models: Allowances.shape.models.unwrap().nullable().optional(),
  providers: Allowances.shape.providers.unwrap().nullable().optional(),
})
export type PatchTeamRequest = z.infer<typeof PatchTeamRequest>

export const Team = z.object({
  id: TeamId,
  object: z.literal('team'),
  name: z.string(),
  models: z.array(z.string()).nullable(),
  providers: z.array(ProviderName).nullable(),
  limits: Limits,
  source: z.enum(['api', 'environment']).meta({ description: 'One of the environment cannot be deleted' }),
  created_at: z.int().nullable(),
})
export type Team = z.infer<typeof Team>

export const TeamList = z.object({ object: z.literal('list'), data: z.array(Team) })
export type TeamList = z.infer<typeof TeamList>
