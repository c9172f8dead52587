import { expect, onTestFinished, test } from 'vitest'
import { acceptJob, openJobs } from './jobs-fixture.ts'

test('no script is unknown to a Redis that has just started: a message sent along never comes before its record', async () => {
  const house = await openJobs()
  onTestFinished(() => house.close())
  const monitor = await house.redis.duplicate().monitor()
  const seen: string[] = []
  monitor.on('monitor', (_, [command = '', first = '']: string[]) => seen.push(`${command} ${first.slice(0, 16)}`))
  await acceptJob(house)
  await house.redis.echo('accepted')
  await expect.poll(() => seen).toContain('echo accepted')
  monitor.disconnect()
  expect(seen[0]?.toLowerCase()).toMatch(/^script load/)
  expect(seen.filter((line) => /^eval -- Accepts a job/i.test(line))).toEqual([])
})
