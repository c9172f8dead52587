-- Stores the task id that a create was answered with and puts the task in the schedule. The late answer of a lost
-- attempt is adopted while the job has no task; otherwise its task is an orphan.
-- KEYS 1 record  2 open  3 due  4 orphans
-- ARGV 1 job id  2 fence  3 task id  4 now in ms  5 first look in ms  6 reconcile delay in ms  7 orphan entry
--      8 prefix  9 queue  10 lane  11 team  12 provider key id  13… fields
-- include turns
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local job = redis.call('HMGET', KEYS[1], 'status', 'fence', 'task', 'cancel')
if job[3] == ARGV[3] then return 'again' end
local status = job[1]
local ours = status == 'submitting' and job[2] == ARGV[2]
local late = status == 'ambiguous' or status == 'queued'
if job[3] or not (ours or late) then
  redis.call('LPUSH', KEYS[4], ARGV[7])
  redis.call('LTRIM', KEYS[4], 0, 999)
  return 'orphan'
end
redis.call('HSET', KEYS[1], 'status', 'submitted', 'at:submitted', ARGV[4], 'task', ARGV[3], unpack(ARGV, 13))
redis.call('HDEL', KEYS[1], 'waiting')
if late then
  leave_turns(places(ARGV[8], ARGV[9], ARGV[10]), ARGV[11], ARGV[1], KEYS[1], false)
  hold_key(ARGV[8], ARGV[12], ARGV[10], ARGV[1])
end
redis.call('ZADD', KEYS[3], job[4] and now or now + ARGV[5], ARGV[1])
redis.call('ZADD', KEYS[2], now + ARGV[6], ARGV[1])
return 'submitted'
