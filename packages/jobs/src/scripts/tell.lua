-- The deliveries that the end of a job calls for, with their places in the outbox: in the same step as the end, so that
-- none can be lost between. One for the job's own URL, and one for each endpoint of its team that wants such events.
-- news: 1 ULID of the job  2 type of the event  3 body  4 the job's own URL or ''  5 its destination
--       6 for how long a held delivery is kept in ms  7 and its place in the team's list  8 the job's API key or ''
-- Returns how many are to be sent.
local function wants(endpoint, type)
  local types = endpoint.eventTypes
  if #types == 0 then return true end
  for _, wanted in ipairs(types) do
    if wanted == '*' or wanted == type then return true end
  end
  return false
end

local function tell(prefix, team, job, record, now, news)
  if #news == 0 then return 0 end
  local ids = {}
  local pending = 0
  local function write(id, destination, ...)
    local at = outbox_of(prefix, destination)
    write_delivery(prefix, at, id, now, { 'jobId', job, 'team', team, 'type', news[2], 'body', news[3], ... })
    ids[#ids + 1] = id
    return at
  end
  local function send(at, id)
    pending = pending + 1
    redis.call('ZADD', at.waiting, now, id)
    place_destination(at, now)
  end

  if news[4] ~= '' then
    local id = 'msg_' .. news[1]
    local at = write(id, news[5], 'url', news[4], 'apiKeyId', news[8])
    if is_url_gone(prefix, team, news[8], news[4], now) then
      end_unsent(prefix, at, id, 'gone', 'url_gone', now, news[6])
    else
      send(at, id)
    end
  end
  for _, text in ipairs(redis.call('HVALS', prefix .. ':endpoints:' .. team)) do
    local endpoint = cjson.decode(text)
    if wants(endpoint, news[2]) then
      local id = 'msg_' .. news[1] .. '_' .. string.sub(endpoint.id, 4)
      local at = write(id, 'ep:' .. endpoint.id, 'endpointId', endpoint.id)
      if endpoint.status == 'disabled' then
        end_delivery(prefix, at, id, 'held', now, news[6])
      else
        send(at, id)
      end
    end
  end
  if #ids == 0 then return 0 end
  redis.call('HSET', record, 'deliveries', table.concat(ids, ','))
  local list = prefix .. ':deliveries:' .. team
  for _, id in ipairs(ids) do redis.call('ZADD', list, now, id) end
  redis.call('ZREMRANGEBYSCORE', list, '-inf', now - news[7])
  redis.call('PEXPIRE', list, news[7])
  return pending
end
