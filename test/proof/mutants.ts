/** A text of ours, what stands in it, and what stands there in the broken build. */
type Change = { file: string; finds: string; puts: string }

/** A build with one promise taken out, and why that must be noticed. */
export type Mutant = { without: string; changes: readonly Change[]; files?: Readonly<Record<string, string>> }

const SCRIPTS = 'packages/jobs/src/scripts'

/** Broken on purpose: each is what a well-meant change might leave behind. Made when a process is started with its name. */
export const MUTANTS = {
  'no fence': {
    without: 'advance.lua does not ask whether a younger run of the same work has begun',
    changes: [
      {
        file: `${SCRIPTS}/advance.lua`,
        finds: "if ARGV[3] ~= '' and job[2] ~= ARGV[3] then return { 0, 'fenced' } end",
        puts: '',
      },
    ],
  },
  'no marker': {
    without: 'begin-submit.lua does not write that a create is about to be sent',
    changes: [
      {
        file: `${SCRIPTS}/begin-submit.lua`,
        finds: "redis.call('HSET', KEYS[1], 'status', 'submitting', 'at:submitting', ARGV[2], 'providerKey', ARGV[3],",
        puts: "redis.call('HSET', KEYS[1], 'providerKey', ARGV[3],",
      },
    ],
  },
  'late delivery': {
    without: 'the deliveries of a job are written after the step that ends it, in a step of their own',
    changes: [
      {
        file: `${SCRIPTS}/advance.lua`,
        finds: 'local untold = tell(ARGV[12], ARGV[15], ARGV[1], KEYS[1], now, take())',
        puts: 'local untold = 0',
      },
      {
        file: 'packages/jobs/src/advance-job.ts',
        finds: "const advance = loadScript('advance')",
        puts: "const advance = loadScript('advance'); const tellLater = loadScript('tell-later')",
      },
      {
        file: 'packages/jobs/src/advance-job.ts',
        finds: '  if (reply[1] === 1) onRoom',
        puts: `  if (end) await tellLater(redis, [keys.job(job.id)], [keys.prefix, job.team, job.id, ...end.news])
  if (reply[1] === 1) onRoom`,
      },
    ],
    files: {
      [`${SCRIPTS}/tell-later.lua`]: `-- include outbox
-- include tell
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local news = {}
for i = 4, #ARGV do news[i - 3] = ARGV[i] end
return tell(ARGV[1], ARGV[2], ARGV[3], KEYS[1], now, news)`,
    },
  },
} as const satisfies Readonly<Record<string, Mutant>>

export type MutantName = keyof typeof MUTANTS
