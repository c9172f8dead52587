-- Asks for a running job to be canceled; the worker that holds or next sees it asks the vendor.
-- KEYS 1 record  2 due   ARGV 1 job id  2 now in ms
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return 'gone' end
if status ~= 'submitting' and status ~= 'ambiguous' and status ~= 'submitted' then return status end
redis.call('HSETNX', KEYS[1], 'cancel', ARGV[2])
if status == 'submitted' then
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[2], 'XX', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
end
return 'requested'
