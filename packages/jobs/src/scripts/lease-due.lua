-- Leases tasks whose time to look has come: the score becomes the end of the lease. Time is Redis's own, so leases of
-- one task only ever grow and equality of the score proves that the lease is still held.
-- KEYS 1 due
-- ARGV 1 how many  2 lease in ms  3 prefix of record keys  4… record fields wanted
-- Returns { ms until the next task is due or -1, { id, lease, fields… }… }
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ids = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1])
local lease = now + ARGV[2]
local leased = { -1 }
local scores = {}
for i, id in ipairs(ids) do
  leased[i + 1] = { id, tostring(lease), unpack(redis.call('HMGET', ARGV[3] .. id, unpack(ARGV, 4))) }
  scores[#scores + 1] = lease
  scores[#scores + 1] = id
end
if #scores > 0 then redis.call('ZADD', KEYS[1], unpack(scores)) end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if next[2] then leased[1] = math.max(0, math.ceil(next[2] - now)) end
return leased
