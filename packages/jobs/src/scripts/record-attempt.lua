-- Records one attempt of a delivery, once: the count of attempts before it is the fence.
-- KEYS 1 delivery  2 undelivered
-- ARGV 1 delivery id  2 attempts before  3 ms until reconcile looks ('' when the delivery has ended)  4 TTL in ms  5… fields
local row = redis.call('HMGET', KEYS[1], 'attempts', 'status')
if row[1] ~= ARGV[2] or row[2] ~= 'pending' then return 0 end
redis.call('HSET', KEYS[1], 'attempts', ARGV[2] + 1, unpack(ARGV, 5))
if ARGV[3] == '' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
else
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[2], time[1] * 1000 + ARGV[3], ARGV[1])
end
return 1
