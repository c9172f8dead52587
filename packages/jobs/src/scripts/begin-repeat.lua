-- Records that a create whose answer was lost is about to be sent again under the same name.
-- KEYS 1 record  2 open
-- ARGV 1 job id  2 fence  3 now in ms  4 reconcile delay in ms
local job = redis.call('HMGET', KEYS[1], 'status', 'fence', 'cancel')
if job[1] ~= 'ambiguous' or job[2] ~= ARGV[2] then return 'elsewhere' end
if job[3] then return 'cancel' end
redis.call('HINCRBY', KEYS[1], 'submits', 1)
redis.call('HSET', KEYS[1], 'at:ambiguous', ARGV[3])
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] * 1000 + ARGV[4], ARGV[1])
return 'begun'
