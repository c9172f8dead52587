-- Writes a batch of answers back, for those tasks only whose lease is still the one that was given.
-- KEYS 1 due
-- ARGV 1 prefix of record keys, then per task: id  lease  delay in ms until the next look  n  n field/value strings
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at, written = 2, 0
while ARGV[at] do
  local id, n = ARGV[at], tonumber(ARGV[at + 3])
  local lease = redis.call('ZSCORE', KEYS[1], id)
  if lease and tonumber(lease) == tonumber(ARGV[at + 1]) then
    redis.call('ZADD', KEYS[1], now + ARGV[at + 2], id)
    redis.call('HSET', ARGV[1] .. id, unpack(ARGV, at + 4, at + 3 + n))
    written = written + 1
  end
  at = at + 4 + n
end
return written
