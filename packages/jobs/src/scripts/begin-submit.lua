-- Records the intent to send a create, before it is sent. Nothing else may lead to a create.
-- KEYS 1 record  2 open
-- ARGV 1 job id  2 now in ms  3 provider key id  4 reconcile delay in ms
local job = redis.call('HMGET', KEYS[1], 'status', 'fence', 'cancel', 'at:submitting')
local status = job[1]
if not status then return { 'gone' } end
if status == 'submitting' then
  -- Whoever wrote this did not come back: the create may have been sent.
  redis.call('HSET', KEYS[1], 'status', 'ambiguous', 'at:ambiguous', ARGV[2])
  return { 'ambiguous', job[2], job[4] }
end
if status == 'ambiguous' then return { 'ambiguous', job[2], job[4] } end
if status ~= 'queued' then return { 'elsewhere', status } end
if job[3] then return { 'cancel', job[2] or '0' } end
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HINCRBY', KEYS[1], 'submits', 1)
redis.call('HSET', KEYS[1], 'status', 'submitting', 'at:submitting', ARGV[2], 'providerKey', ARGV[3])
redis.call('HDEL', KEYS[1], 'waiting')
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] * 1000 + ARGV[4], ARGV[1])
return { 'begun', tostring(fence) }
