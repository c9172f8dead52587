-- Stores the result that a create was answered with: from submitting to generated in one step.
-- KEYS 1 record  2 open
-- ARGV 1 job id  2 fence  3 now in ms  4 reconcile delay in ms  5 prefix  6 lane  7… fields
-- include turns
local job = redis.call('HMGET', KEYS[1], 'status', 'fence', 'cancel', 'providerKey')
if job[1] ~= 'submitting' or job[2] ~= ARGV[2] then return 'elsewhere' end
if job[3] then return 'cancel' end
redis.call('HSET', KEYS[1], 'status', 'generated', 'at:generated', ARGV[3], unpack(ARGV, 7))
redis.call('HDEL', KEYS[1], 'waiting')
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] * 1000 + ARGV[4], ARGV[1])
if job[4] then free_key(ARGV[5], job[4], ARGV[6], ARGV[1], true) end
return 'generated'
