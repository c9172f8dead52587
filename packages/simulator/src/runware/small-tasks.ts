import { type Caller, type Handled, type RunwareContext, refused, told } from './call.ts'
import { MODELS } from './models.ts'
import { problem } from './problem.ts'
import type { RunwareScript } from './script.ts'
import { isUuidV4, type TaskRequest, textIn } from './task-request.ts'

type SmallTask = (context: RunwareContext, caller: Caller, request: TaskRequest) => Handled

const SMALL_TASKS: Readonly<Record<string, SmallTask>> = {
  imageUpload: (context, _caller, request) => store(context, request, textIn(request, 'image'), 'image'),
  mediaStorage: (context, _caller, request) => {
    if (request.operation !== 'delete') return store(context, request, textIn(request, 'media'), 'media')
    const upload = context.world.uploads.find(textIn(request, 'media'))
    if (!upload) return refused(problem('mediaExpired', { parameter: 'media' }))
    upload.isDeleted = true
    return told({ ...subject(request), operation: 'delete', mediaUUID: upload.uuid })
  },
  modelSearch: (_context, _caller, request) => {
    const search = textIn(request, 'search').toLowerCase()
    const found = MODELS.filter(
      ({ prefix, name }) => prefix !== '' && `${prefix} ${name}`.toLowerCase().includes(search),
    )
    const { limit = 20, offset = 0 } = request
    const results = found.slice(Number(offset), Number(offset) + Number(limit))
    return told({
      ...subject(request),
      results: results.map(({ prefix, name }) => ({ air: prefix.includes('@') ? prefix : `${prefix}1@1`, name })),
      totalResults: found.length,
    })
  },
  accountManagement: ({ world }, { account }, request) => {
    if (request.operation !== 'getDetails') {
      return refused(problem('unsupportedOperation', { parameter: 'operation', allowedValues: ['getDetails'] }))
    }
    const { balance = account.credits } = world.book.forAccount()
    return told({ ...subject(request), operation: 'getDetails', balance, currency: 'USD' })
  },
  ping: () => told({ taskType: 'ping', pong: true }),
}

/** A task that generates nothing and is answered at once; undefined when there is no such type. */
export function smallTask(context: RunwareContext, caller: Caller, request: TaskRequest): Handled | undefined {
  const { world } = context
  const taskType = textIn(request, 'taskType')
  const run = Object.hasOwn(SMALL_TASKS, taskType) ? SMALL_TASKS[taskType] : undefined
  if (!run) return undefined
  if (taskType !== 'ping' && !isUuidV4(request.taskUUID)) {
    return refused(problem('invalidTaskUUID', { parameter: 'taskUUID', type: 'string', taskType }))
  }
  const script = world.book.forTask({ taskType, model: '', prompt: '', isGeneration: false })
  const { accept = true, problem: spec, status, data, ...reply } = script.create ?? {}
  if (spec) return { ...refused(problem(spec.code, { ...spec, ...subject(request) })), status, reply }
  const handled = accept ? run(context, caller, request) : told()
  if (taskType === 'imageUpload') afterUpload(context, script)
  return { ...handled, ...(data === 'empty' ? { data: [subject(request)] } : {}), reply }
}

function store({ world, outputs }: RunwareContext, request: TaskRequest, media: string, field: string): Handled {
  if (media === '') return refused(problem(`missing${field === 'image' ? 'Image' : 'Media'}`, { parameter: field }))
  const { uuid } = world.uploads.add(world.seeded.uuid(`upload ${world.uploads.all().length + 1}`), media)
  const operation = field === 'media' ? { operation: 'upload' } : {}
  return told({ ...subject(request), ...operation, [`${field}UUID`]: uuid, [`${field}URL`]: outputs.uploadUrl(uuid) })
}

/** A vendor that forgets the file as soon as it has it. */
function afterUpload({ world }: RunwareContext, { forgotten }: RunwareScript): void {
  if (forgotten) world.uploads.forget()
}

function subject(request: TaskRequest): Record<string, unknown> {
  return { taskType: textIn(request, 'taskType'), taskUUID: request.taskUUID }
}
