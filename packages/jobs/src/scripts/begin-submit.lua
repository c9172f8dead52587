-- Records the intent to send a create, before it is sent. Nothing else may lead to a create.
-- KEYS 1 record  2 open
-- ARGV 1 job id  2 now in ms  3 provider key id  4 reconcile delay in ms
--      5 prefix  6 queue  7 lane  8 team  9 fence of the turn  10 how many may hold the key in the lane, or ''
--      11 name of this call  12 how long a probe may take in ms
-- Returns 'begun' with the fence, whether somebody waits for the place in the window, and whether it is a probe.
-- include turns
local job = redis.call('HMGET', KEYS[1], 'status', 'fence', 'cancel', 'at:submitting', 'turn', 'intent')
local status = job[1]
if not status then return { 'gone' } end
if status == 'submitting' then
  -- The answer to this very call was lost with its connection, and it was sent again: nothing has followed from it yet.
  if job[6] == ARGV[11] then return { 'begun', job[2], 0, 0 } end
  if job[6] == ARGV[11] .. '!' then return { 'begun', job[2], 0, 1 } end
  -- Whoever wrote this did not come back: the create may have been sent.
  redis.call('HSET', KEYS[1], 'status', 'ambiguous', 'at:ambiguous', ARGV[2])
  return { 'ambiguous', job[2], job[4] }
end
if status == 'ambiguous' then return { 'ambiguous', job[2], job[4] } end
if status ~= 'queued' then return { 'elsewhere', status } end
if job[3] then return { 'cancel', job[2] or '0' } end
if job[2] ~= ARGV[9] then return { 'elsewhere', status } end
if ARGV[10] ~= '' and redis.call('SCARD', ARGV[5] .. ':slots:' .. ARGV[3] .. ':' .. ARGV[7]) >= tonumber(ARGV[10]) then
  return { 'full' }
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Creates of this key were lost. When its rest is over one job may try; the others wait for what becomes of it.
local rests = ARGV[5] .. ':rests:' .. ARGV[3]
local lost = redis.call('HGET', rests, '!')
if lost then
  local ends, since = string.match(lost, '^(%d+)( .*)$')
  if tonumber(ends) > now then return { 'resting', string.format('%.0f', ends - now) } end
  redis.call('HSET', rests, '!', string.format('%.0f', now + ARGV[12]) .. since)
end
local at = places(ARGV[5], ARGV[6], ARGV[7])
leave_turns(at, ARGV[8], ARGV[1], KEYS[1], true)
hold_key(ARGV[5], ARGV[3], ARGV[7], ARGV[1])
-- A turn has brought a fence of its own.
local fence = job[5] and job[2] or redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HINCRBY', KEYS[1], 'submits', 1)
redis.call('HSET', KEYS[1], 'status', 'submitting', 'at:submitting', ARGV[2], 'providerKey', ARGV[3], 'intent',
  ARGV[11] .. (lost and '!' or ''))
redis.call('HDEL', KEYS[1], 'waiting')
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
return { 'begun', tostring(fence), redis.call('EXISTS', at.ring), lost and 1 or 0 }
