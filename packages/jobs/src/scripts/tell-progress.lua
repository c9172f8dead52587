-- Tells how far a job is to those who asked for that by name; nothing if somebody else has told it meanwhile, or if it
-- is not at its vendor any more.
-- KEYS 1 record
-- ARGV 1 prefix  2 ULID of the job  3 team  4 type of the event  5 body  6 its sequence  7 what was told before, as it
--      was read, or ''  8 what is told now  9 the job's own URL or ''  10 its destination  11 the job's API key or ''
-- Returns how many deliveries are to be sent.
-- include outbox
local MAX_LISTED = 20
local prefix, team, event = ARGV[1], ARGV[3], ARGV[4]
local job = redis.call('HMGET', KEYS[1], 'status', 'told', 'progressDeliveries')
if job[1] ~= 'submitted' or (job[2] or '') ~= ARGV[7] then return 0 end
redis.call('HSET', KEYS[1], 'told', ARGV[8])
local now = outbox_time(0)
local ids = {}
for id in string.gmatch(job[3] or '', '[^,]+') do ids[#ids + 1] = id end
local told = 0

local function write(ending, destination, ...)
  local id = 'msg_' .. ARGV[2] .. '_p' .. ARGV[6] .. ending
  local at = outbox_of(prefix, destination)
  write_delivery(prefix, at, id, now,
    { 'jobId', 'job_' .. ARGV[2], 'team', team, 'type', event, 'body', ARGV[5], ... })
  redis.call('ZADD', at.waiting, now, id)
  place_destination(at, now)
  ids[#ids + 1] = id
  told = told + 1
end

if ARGV[9] ~= '' and not is_url_gone(prefix, team, ARGV[11], ARGV[9], now) then
  write('', ARGV[10], 'url', ARGV[9], 'apiKeyId', ARGV[11])
end
for _, text in ipairs(redis.call('HVALS', prefix .. ':endpoints:' .. team)) do
  local endpoint = cjson.decode(text)
  for _, wanted in ipairs(endpoint.status == 'enabled' and endpoint.eventTypes or {}) do
    if wanted == event then write('_' .. string.sub(endpoint.id, 4), 'ep:' .. endpoint.id, 'endpointId', endpoint.id) end
  end
end
if told > 0 then
  redis.call('HSET', KEYS[1], 'progressDeliveries', table.concat(ids, ',', math.max(1, #ids - MAX_LISTED + 1)))
end
return told
