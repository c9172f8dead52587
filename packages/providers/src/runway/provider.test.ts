import { Secret } from '@genqueue/contract'
import { describeProvider } from '../provider.testsuite.ts'
import { simulateRunway, TASK } from './simulate-runway.fixture.ts'

for (const dialect of ['real', 'seed004'] as const) {
  describeProvider(`Runway, dialect ${dialect}`, async () => {
    const duration = dialect === 'real' ? 2 : 5
    const { sim, provider, unreachable, key, finishTasks, close } = await simulateRunway({ dialect })
    return {
      provider,
      unreachable,
      key,
      wrongKey: new Secret(`key_${'0'.repeat(128)}`),
      task: { ...TASK, body: { ...TASK.body, duration } },
      badTask: { ...TASK, body: { ...TASK.body, ratio: '1:1' } },
      onNextCreate: (behaviour) =>
        sim.runway.fault(behaviour === 'rate_limit' ? 'create.429_daily' : 'create.accept_then_drop'),
      creates: () => sim.journal().filter(({ method }) => method === 'POST').length,
      tasks: () => sim.runway.tasks().length,
      finishTasks,
      close,
    }
  })
}
