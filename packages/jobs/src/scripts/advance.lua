-- One change of status: compares status and fence (or lease), writes the new fact, moves the job in the indexes and,
-- when the job ends, writes its deliveries in the same step.
-- KEYS 1 record  2 open  3 due  4 expiring  5 cleanup
-- ARGV 1 job id  2 expected statuses ',a,b,'  3 fence or ''  4 lease or ''  5 new status  6 now in ms
--      7 reconcile delay in ms ('' when the job ends)  8 record TTL in ms ('' unless it ends)  9 `<team>/<id>`
--      10 '1' when stored inputs are to be deleted  11 channel for the id of a job that has ended
--      12 prefix  13 queue  14 lane  15 team  16 place in the line, '' unless the job goes back to it
--      17 n, then n field/value strings  then m, then m fields to delete
--      then, when the job ends, k, then k strings for settle.lua
--      and n, then n strings for tell.lua
-- Returns whether it was done, whether somebody waits in the lane, and how many deliveries are to be sent.
-- include settle
-- include turns
-- include outbox
-- include tell
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local job = redis.call('HMGET', KEYS[1], 'status', 'fence', 'cancel', 'providerKey')
local status = job[1]
if not status then return { 0, 'gone' } end
if not string.find(ARGV[2], ',' .. status .. ',', 1, true) then return { 0, status } end
if ARGV[3] ~= '' and job[2] ~= ARGV[3] then return { 0, 'fenced' } end
if ARGV[4] ~= '' then
  local lease = redis.call('ZSCORE', KEYS[3], ARGV[1])
  if not lease or tonumber(lease) ~= tonumber(ARGV[4]) then return { 0, 'lease' } end
end
if ARGV[5] == 'queued' and job[3] then return { 0, 'cancel' } end

local here = places(ARGV[12], ARGV[13], ARGV[14])
if status == 'queued' then
  leave_turns(here, ARGV[15], ARGV[1], KEYS[1], false)
elseif job[4] and ARGV[5] ~= 'ambiguous' and ARGV[5] ~= 'submitted' then
  free_key(ARGV[12], job[4], ARGV[14], ARGV[1], ARGV[5] == 'generated')
end
if ARGV[16] ~= '' then enter_line(here, ARGV[15], ARGV[1], ARGV[16]) end
local is_awaited = redis.call('EXISTS', here.ring)

local at = 17
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
  return { 1, is_awaited, 0 }
end

settle(take())
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[8])
redis.call('ZADD', KEYS[4], now + ARGV[8], ARGV[9])
if ARGV[10] == '1' then redis.call('ZADD', KEYS[5], now, ARGV[1]) end
local untold = tell(ARGV[12], ARGV[15], ARGV[1], KEYS[1], now, take())
redis.call('PUBLISH', ARGV[11], ARGV[1])
return { 1, is_awaited, untold }
