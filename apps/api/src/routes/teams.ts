import type { TeamRecord } from '@genqueue/accounts'
import {
  CreateTeamRequest,
  PatchTeamRequest,
  ProblemError,
  PutTeamRequest,
  type Team,
  TeamId,
  TeamList,
  Team as TeamSchema,
} from '@genqueue/contract'
import { readOpen } from '@genqueue/jobs'
import { z } from 'zod'
import { noteChange } from '../access/admin-change.ts'
import type { AppDeps } from '../app-deps.ts'
import { parseRequest } from '../invalid-request.ts'
import { held, patched, unixSeconds } from '../patched.ts'
import { readJsonBody } from '../read-json-body.ts'
import { json, type Reply } from '../reply.ts'
import type { ApiContext, Caller, Route } from '../route.ts'

const DeletedTeam = z.object({ id: TeamId, object: z.literal('team'), deleted: z.literal(true) })

/** Teams: who jobs, files and keys belong to, and what each may use. */
export function teamRoutes(deps: AppDeps): Route[] {
  const { teams, endpoints, config, now = Date.now } = deps
  const base = { tag: 'Admin', errors: 'problem', scope: 'keys:admin' } as const
  const body = (c: ApiContext) => readJsonBody(c.req.raw, config.limits)

  const view = ({ id, name = id, limits, allowed, createdAtMs }: TeamRecord): Team => ({
    id,
    object: 'team',
    name,
    models: allowed.models ?? null,
    providers: allowed.providers ?? null,
    limits,
    source: teams.isOfEnvironment(id) ? 'environment' : 'api',
    created_at: unixSeconds(createdAtMs),
  })
  const removeEndpoints = async (team: string) => {
    for (const endpoint of await endpoints.list(team)) await endpoints.remove(team, endpoint.id)
  }
  const changed = async (status: number, caller: Caller, action: string, record: TeamRecord): Promise<Reply> => {
    const { id, name, limits, allowed } = record
    await noteChange(caller, deps, { action, target: id, detail: { name, limits, allowed } })
    return json(status, view(record))
  }

  return [
    {
      ...base,
      method: 'GET',
      path: '/api/teams',
      summary: 'List teams',
      answers: { 200: { description: 'All teams, those of the environment too', schema: TeamList } },
      handle: async () => json(200, { object: 'list', data: (await teams.list()).map(view) } satisfies TeamList),
    },
    {
      ...base,
      method: 'POST',
      path: '/api/teams',
      summary: 'Make a team',
      body: { schema: CreateTeamRequest, multipart: false },
      answers: { 201: { description: 'The team', schema: TeamSchema } },
      async handle(c, caller) {
        const { id, ...rest } = parseRequest(CreateTeamRequest, await body(c))
        const record = await teams.create(id, settingsOf(rest))
        if (!record) throw new ProblemError('already_exists', `There is a team ${id} already`, { param: 'id' })
        // Of an earlier team by this name, whose deletion was cut short: this one's jobs are none of its receivers' business.
        await removeEndpoints(id)
        return changed(201, caller, 'team.create', record)
      },
    },
    {
      ...base,
      method: 'GET',
      path: '/api/teams/:id',
      summary: 'Look at a team',
      answers: { 200: { description: 'The team', schema: TeamSchema } },
      handle: async (c) => json(200, view(found(await teams.get(idOf(c))))),
    },
    {
      ...base,
      method: 'PUT',
      path: '/api/teams/:id',
      summary: "Replace a team's settings; holds everywhere within a second",
      body: { schema: PutTeamRequest, multipart: false },
      answers: { 200: { description: 'The team as it is now', schema: TeamSchema } },
      async handle(c, caller) {
        const settings = settingsOf(parseRequest(PutTeamRequest, await body(c)))
        return changed(200, caller, 'team.update', found(await teams.update(idOf(c), () => settings)))
      },
    },
    {
      ...base,
      method: 'PATCH',
      path: '/api/teams/:id',
      summary: "Change some of a team's settings; holds everywhere within a second",
      body: { schema: PatchTeamRequest, multipart: false },
      answers: { 200: { description: 'The team as it is now', schema: TeamSchema } },
      async handle(c, caller) {
        const { name, limits, models, providers } = parseRequest(PatchTeamRequest, await body(c))
        const record = await teams.update(idOf(c), (before) => ({
          ...patched({ name: before.name }, { name }),
          limits: limits === undefined ? before.limits : (limits ?? {}),
          allowed: patched(before.allowed, { models, providers }),
        }))
        return changed(200, caller, 'team.update', found(record))
      },
    },
    {
      ...base,
      method: 'DELETE',
      path: '/api/teams/:id',
      summary: 'Delete a team that has neither keys nor open jobs',
      answers: { 200: { description: 'Deleted', schema: DeletedTeam } },
      async handle(c, caller) {
        const { id } = found(await teams.get(idOf(c)))
        const inUse = (why: string) => new ProblemError('in_use', `The team ${id} ${why}`, { param: 'id' })
        if (teams.isOfEnvironment(id)) throw inUse('is named by the environment; take it out there')
        const open = await readOpen(deps, id, now())
        if (open.jobs > 0) throw inUse('has jobs that have not ended; cancel them or wait')
        const outcome = await teams.remove(id)
        if (outcome === 'has_keys') throw inUse('has API keys; revoke them first')
        await removeEndpoints(id)
        await noteChange(caller, deps, { action: 'team.delete', target: id })
        return json(200, { id, object: 'team', deleted: true } satisfies z.infer<typeof DeletedTeam>)
      },
    },
  ]
}

function settingsOf({ name, limits = {}, models, providers }: PutTeamRequest) {
  return { ...held({ name }), limits, allowed: held({ models, providers }) }
}

function idOf(c: ApiContext): string {
  return c.req.param('id') ?? ''
}

function found(team: TeamRecord | undefined): TeamRecord {
  if (team) return team
  throw new ProblemError('not_found', 'There is no team with this id', { param: 'id' })
}
