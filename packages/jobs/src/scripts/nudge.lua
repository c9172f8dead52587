-- Makes a task due now, at most once in a while. A task that is being looked at is left alone: its lease would be lost,
-- and with it the answer. The end of a lease is the only score with a fraction.
-- KEYS 1 due  2 record   ARGV 1 job id  2 not again within so many ms
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) % 1 ~= 0 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(score) <= now then return 0 end
local last = redis.call('HGET', KEYS[2], 'nudgedAt')
if last and now - last < tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[2], 'nudgedAt', now)
redis.call('ZADD', KEYS[1], now, ARGV[1])
return 1
