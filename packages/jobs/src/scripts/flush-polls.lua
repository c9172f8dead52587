-- Writes a batch of answers back, for those tasks only whose lease is still the one that was given.
-- KEYS 1 due
-- ARGV 1 prefix of record keys  2 n  3… n ids, then per task: lease  delay in ms until the next look  looks  estimate or ''
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local n = tonumber(ARGV[2])
local leases = redis.call('ZMSCORE', KEYS[1], unpack(ARGV, 3, n + 2))
local scores = {}
for i = 1, n do
  local at = n - 1 + 4 * i
  if leases[i] and tonumber(leases[i]) == tonumber(ARGV[at]) then
    local id, key = ARGV[i + 2], ARGV[1] .. ARGV[i + 2]
    scores[#scores + 1] = now + ARGV[at + 1]
    scores[#scores + 1] = id
    if ARGV[at + 3] == '' then
      redis.call('HSET', key, 'looks', ARGV[at + 2])
    else
      redis.call('HSET', key, 'looks', ARGV[at + 2], 'estimatedCost', ARGV[at + 3])
    end
  end
end
if #scores > 0 then redis.call('ZADD', KEYS[1], unpack(scores)) end
return #scores / 2
