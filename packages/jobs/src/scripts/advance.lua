-- One change of status: compares status and fence (or lease), writes the new fact, moves the job in the indexes and,
-- when the job ends, writes the delivery rows in the same step.
-- KEYS 1 record  2 open  3 due  4 expiring  5 undelivered  6 cleanup  7… one per delivery row
-- ARGV 1 job id  2 expected statuses ',a,b,'  3 fence or ''  4 lease or ''  5 new status  6 now in ms
--      7 reconcile delay in ms ('' when the job ends)  8 record TTL in ms ('' unless it ends)  9 `<team>/<id>`
--      10 '1' when stored inputs are to be deleted  11 channel for the id of a job that has ended
--      12 n, then n field/value strings  then m, then m fields to delete
--      then per delivery row: its id, k, k field/value strings
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local job = redis.call('HMGET', KEYS[1], 'status', 'fence', 'cancel')
local status = job[1]
if not status then return { 0, 'gone' } end
if not string.find(ARGV[2], ',' .. status .. ',', 1, true) then return { 0, status } end
if ARGV[3] ~= '' and job[2] ~= ARGV[3] then return { 0, 'fenced' } end
if ARGV[4] ~= '' then
  local lease = redis.call('ZSCORE', KEYS[3], ARGV[1])
  if not lease or tonumber(lease) ~= tonumber(ARGV[4]) then return { 0, 'lease' } end
end
if ARGV[5] == 'queued' and job[3] then return { 0, 'cancel' } end

local at = 12
local function take()
  local n = tonumber(ARGV[at])
  local list = {}
  for i = 1, n do list[i] = ARGV[at + i] end
  at = at + n + 1
  return list
end

redis.call('HSET', KEYS[1], 'status', ARGV[5], unpack(take()))
-- A job that goes back to the queue was accepted when it was accepted: its queue deadline counts from there.
redis.call(ARGV[5] == 'queued' and 'HSETNX' or 'HSET', KEYS[1], 'at:' .. ARGV[5], ARGV[6])
local gone = take()
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
redis.call('ZREM', KEYS[3], ARGV[1])
if ARGV[8] == '' then
  redis.call('ZADD', KEYS[2], now + ARGV[7], ARGV[1])
  return { 1 }
end

redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[8])
redis.call('ZADD', KEYS[4], now + ARGV[8], ARGV[9])
if ARGV[10] == '1' then redis.call('ZADD', KEYS[6], now, ARGV[1]) end
for row = 7, #KEYS do
  local id = ARGV[at]
  at = at + 1
  redis.call('HSET', KEYS[row], unpack(take()))
  redis.call('ZADD', KEYS[5], now, id)
end
redis.call('PUBLISH', ARGV[11], ARGV[1])
return { 1 }
