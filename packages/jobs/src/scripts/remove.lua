-- Removes the record of an ended job from everywhere but its deliveries, which have an expiry of their own.
-- KEYS 1 record  2 list  3 expiring  4 cleanup   ARGV 1 job id  2 `<team>/<id>`
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return 'gone' end
if status ~= 'succeeded' and status ~= 'failed' and status ~= 'canceled' then return status end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('ZREM', KEYS[4], ARGV[1])
return 'removed'
