import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A worker as a process of its own, which can be killed. */
export type WorkerProcess = {
  child: ChildProcess
  /** Resolves with how it ended. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

const ENTRY = fileURLToPath(new URL('crash-worker.ts', import.meta.url))

/** Resolves when the worker takes jobs. */
export async function startWorkerProcess(env: Record<string, string>): Promise<WorkerProcess> {
  const child = fork(ENTRY, [], {
    env: { ...process.env, ...env },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  const ready = await Promise.race([once(child, 'message').then(() => true), exited.then(() => false)])
  if (!ready) throw new Error('the worker ended before it took jobs')
  return { child, exited }
}
