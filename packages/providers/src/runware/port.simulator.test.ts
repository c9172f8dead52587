import { Secret } from '@genqueue/contract'
import { describeProvider } from '../provider.testsuite.ts'
import { simulateRunware, TASK } from './simulate-runware.fixture.ts'

describeProvider('Runware', async () => {
  const { sim, provider, unreachable, key, finishTasks, close } = await simulateRunware()
  return {
    provider,
    unreachable,
    key,
    wrongKey: new Secret('0'.repeat(32)),
    task: TASK,
    badTask: { ...TASK, body: { ...TASK.body, duration: 7 } },
    onNextCreate: (behaviour) =>
      sim.runware.fault(behaviour === 'rate_limit' ? 'create.429_daily' : 'create.accept_then_drop'),
    creates: () => sim.journal().filter(({ body }) => JSON.stringify(body).includes('videoInference')).length,
    tasks: () => sim.runware.tasks().length,
    finishTasks,
    close,
  }
})
