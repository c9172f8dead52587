-- A run of the copy stage came back: it is no crash. With a reason, it failed and will be run again.
-- KEYS 1 record   ARGV 1 '1' when it failed  2… fields
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return 0 end
redis.call('HINCRBY', KEYS[1], 'copyRuns', -1)
if ARGV[1] == '1' and status == 'generated' then
  redis.call('HINCRBY', KEYS[1], 'copyFailures', 1)
  redis.call('HSET', KEYS[1], unpack(ARGV, 2))
end
return 1
