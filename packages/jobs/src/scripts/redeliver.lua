-- Sends deliveries again: same id and bytes, a schedule that starts anew, and at once, whatever their destination did.
-- ARGV 1 prefix  2 ms added to the clock  3 the only endpoint that is meant, or ''
--      4 the statuses that are meant ',a,b,'  5 '1' when each was asked for by its id  6… ids
-- Returns per delivery: 'redelivered', 'sending' (an attempt is under way), 'other' (not meant), 'disabled' (its endpoint
-- is, so that it would be held again) or 'gone' (it is no more, or its endpoint).
-- include outbox
local prefix, now = ARGV[1], outbox_time(tonumber(ARGV[2]))
local replies = {}

-- Among many, samples are not meant, nor what goes to a URL that answered 410: sending one shows whether it still does.
local function is_left_out(team, row)
  if ARGV[5] == '1' then return false end
  local is = redis.call('HMGET', row, 'isSample', 'url', 'apiKeyId')
  return is[1] or (is[2] and is_url_gone(prefix, team, is[3], is[2], now))
end

-- Of a registered endpoint; a job's own URL is always enabled.
local function state_of(team, endpoint)
  if not endpoint then return 'enabled' end
  local text = redis.call('HGET', prefix .. ':endpoints:' .. team, endpoint)
  return text and cjson.decode(text).status or 'gone'
end

for n = 6, #ARGV do
  local id = ARGV[n]
  local row = delivery_key(prefix, id)
  local is = redis.call('HMGET', row, 'status', 'destination', 'endpointId', 'team')
  local reply = 'redelivered'
  if not is[1] then
    reply = 'gone'
  elseif (ARGV[3] ~= '' and is[3] ~= ARGV[3]) or not string.find(ARGV[4], ',' .. is[1] .. ',', 1, true)
    or is_left_out(is[4], row) then
    reply = 'other'
  elseif state_of(is[4], is[3]) ~= 'enabled' then
    reply = state_of(is[4], is[3])
  else
    local at = outbox_of(prefix, is[2])
    if redis.call('ZSCORE', at.sending, id) then
      reply = 'sending'
    else
      redis.call('HINCRBY', row, 'round', 1)
      redis.call('HSET', row, 'status', 'pending', 'step', 0, 'nextAtMs', now)
      redis.call('HDEL', row, 'endedAtMs')
      redis.call('PERSIST', row)
      redis.call('ZREM', at.held, id)
      redis.call('ZADD', at.waiting, now, id)
      redis.call('HDEL', at.state, 'openUntil')
      place_destination(at, now)
    end
  end
  replies[#replies + 1] = reply
end
return replies
