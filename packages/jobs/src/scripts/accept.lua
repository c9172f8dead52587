-- Accepts a job: idempotency key, record and indexes in one step, or the job that the key made before.
-- KEYS 1 idempotency  2 record  3 open  4 list
-- ARGV 1 fingerprint ('' without a key)  2 idempotency TTL in ms  3 job id  4 reconcile delay in ms
--      5 n, then n strings for limits.lua
--      then prefix  queue  lane  team  place in the line  window, '' for a job that is not to be submitted yet  resend
--        in ms, then record fields
-- include limits
-- include turns
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] ~= '' then
  local seen = redis.call('HMGET', KEYS[1], 'id', 'fingerprint')
  if seen[1] then
    return { seen[2] == ARGV[1] and 'replayed' or 'conflict', seen[1] }
  end
end
local last = 5 + ARGV[5]
local limited = admit(ARGV, 6, last)
if limited then return limited end
if ARGV[1] ~= '' then
  redis.call('HSET', KEYS[1], 'id', ARGV[3], 'fingerprint', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
redis.call('HSET', KEYS[2], unpack(ARGV, last + 8))
redis.call('ZADD', KEYS[3], now + ARGV[4], ARGV[3])
redis.call('ZADD', KEYS[4], 0, ARGV[3])
local prefix, queue, lane, team, place, window, resend = unpack(ARGV, last + 1, last + 7)
if window == '' then return { 'created', ARGV[3], 'asleep' } end
local at = places(prefix, queue, lane)
return { 'created', ARGV[3], unpack(line_up(at, team, ARGV[3], KEYS[2], place, window, now + resend)) }
