-- Leases tasks whose time to look has come: the score becomes the end of the lease. Time is Redis's own, so leases of
-- one task only ever grow and equality of the score proves that the lease is still held. A lease ends half a
-- millisecond late, which tells it from a due time.
-- KEYS 1 due
-- ARGV 1 how many  2 lease in ms  3 prefix of record keys  4 batch size  5 for how long a batch is held  6… fields wanted
-- A batch that is not full is held for tasks that become due meanwhile, but not where there are none.
-- Returns { ms until the next task is due or -1, for how many ms the first of these has been or -1, { id, lease, fields… }… }
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local batch, hold = tonumber(ARGV[4]), tonumber(ARGV[5])
local ids = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1])
local spare = #ids % batch
local held = -1
if spare > 0 and hold > 0 then
  local oldest = math.floor(redis.call('ZSCORE', KEYS[1], ids[#ids - spare + 1]))
  if oldest + hold > now and redis.call('ZCOUNT', KEYS[1], '(' .. now, oldest + hold) > 0 then
    held = oldest + hold - now
    for i = 1, spare do ids[#ids] = nil end
  end
end
local lease = string.format('%.1f', now + ARGV[2] + 0.5)
local first = ids[1] and redis.call('ZSCORE', KEYS[1], ids[1])
local leased = { -1, first and math.floor(now - first) or -1 }
local scores = {}
for i, id in ipairs(ids) do
  leased[i + 2] = { id, lease, unpack(redis.call('HMGET', ARGV[3] .. id, unpack(ARGV, 6))) }
  scores[#scores + 1] = lease
  scores[#scores + 1] = id
end
if #scores > 0 then redis.call('ZADD', KEYS[1], unpack(scores)) end
if held >= 0 then
  leased[1] = held
  return leased
end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if next[2] then leased[1] = math.max(0, math.ceil(next[2] - now)) end
return leased
