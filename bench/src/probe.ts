import { z } from 'zod'

/**
 * Loaded before a measured program (`node --import`), which stays as it is: answers the bench's questions about this
 * process over the channel it was started with. Programs of the bench itself add questions of their own.
 */
const Question = z.object({ id: z.number(), name: z.string(), argument: z.unknown().optional() })
type Question = z.infer<typeof Question>
type Answer = (argument: unknown) => unknown

const answers = new Map<string, Answer>([['usage', usage]])
/** Asked before the program was ready to answer. */
let early: Question[] = []

/** Answers a question from now on, also where it was asked already. Whoever answers runs until SIGTERM. */
export function onQuestion(name: string, answer: Answer): void {
  if (process.listenerCount('SIGTERM') === 0) process.once('SIGTERM', () => process.exit(0))
  process.channel?.ref()
  answers.set(name, answer)
  const waiting = early.filter((question) => question.name === name)
  early = early.filter((question) => question.name !== name)
  for (const question of waiting) void reply(question)
}

function usage() {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  return { cpuUs: user + system, rssBytes: rss, heapBytes: heapUsed }
}

async function reply(question: Question): Promise<void> {
  const answer = answers.get(question.name)
  if (answer === undefined) {
    early.push(question)
    return
  }
  try {
    process.send?.({ id: question.id, value: await answer(question.argument) })
  } catch (error) {
    process.send?.({ id: question.id, error: error instanceof Error ? error.message : String(error) })
  }
}

process.on('message', (message) => void reply(Question.parse(message)))
// Whoever measured is gone: so is the reason to run.
process.on('disconnect', () => process.exit(1))
process.channel?.unref()
