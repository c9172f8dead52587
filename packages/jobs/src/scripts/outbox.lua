-- Included by the scripts that move deliveries: where those to one destination wait, and when it is its turn.
-- The clock is Redis's own; tests in which days pass add to it.
local function outbox_time(offset)
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000) + offset
end

local function outbox_of(prefix, destination)
  return {
    name = destination,
    waiting = prefix .. ':outbox:' .. destination,
    sending = prefix .. ':sending:' .. destination,
    state = prefix .. ':destination:' .. destination,
    held = prefix .. ':held:' .. destination,
    proven = prefix .. ':destinations',
    suspects = prefix .. ':suspects',
  }
end

local function delivery_key(prefix, id) return prefix .. ':delivery:' .. id end

-- The next moment at which something can be leased here: a delivery is due, the circuit lets one through, or a lease ends.
-- Whoever waits for a turn keeps the place; whoever just had one goes behind the others, however much waits there.
local function place_destination(at, now, has_had_turn)
  local waiting = redis.call('ZRANGE', at.waiting, 0, 0, 'WITHSCORES')[2]
  local sending = redis.call('ZRANGE', at.sending, 0, 0, 'WITHSCORES')[2]
  if not waiting and not sending then
    redis.call('ZREM', at.proven, at.name)
    redis.call('ZREM', at.suspects, at.name)
    return
  end
  local state = redis.call('HMGET', at.state, 'window', 'openUntil', 'inRow', 'lastSuccessMs', 'slow')
  local next = math.huge
  if waiting and redis.call('ZCARD', at.sending) < tonumber(state[1] or 1) then
    local place = not has_had_turn and
      (redis.call('ZSCORE', at.proven, at.name) or redis.call('ZSCORE', at.suspects, at.name)) or now
    next = math.max(waiting, state[2] or 0, math.min(now, place))
  end
  if sending then next = math.min(next, sending) end
  local is_proven = state[4] and not state[3] and not state[5]
  redis.call('ZREM', is_proven and at.suspects or at.proven, at.name)
  redis.call('ZADD', is_proven and at.proven or at.suspects, next, at.name)
end

local function write_delivery(prefix, at, id, now, row)
  redis.call('HSET', delivery_key(prefix, id), 'id', id, 'destination', at.name, 'createdAtMs', now, 'status', 'pending',
    'attempts', 0, 'round', 1, 'step', 0, 'nextAtMs', now, unpack(row))
end

-- News of progress is known by its id; the others have no such part.
local function progress_sequence(id) return tonumber(string.match(id, '_p(%d+)')) end

-- An ended delivery is kept for a while; one whose endpoint is disabled can be found for as long. News of progress is
-- old by the time that anybody looks for it.
local KEEP_PROGRESS_MS = 86400000
local function end_delivery(prefix, at, id, status, now, keep)
  local row = delivery_key(prefix, id)
  if progress_sequence(id) then
    keep = math.min(keep, KEEP_PROGRESS_MS)
    if status == 'held' then status = 'exhausted' end
  end
  redis.call('HSET', row, 'status', status, 'endedAtMs', now)
  redis.call('HDEL', row, 'nextAtMs')
  redis.call('PEXPIRE', row, keep)
  if status == 'held' then
    redis.call('ZREMRANGEBYSCORE', at.held, '-inf', now - keep)
    redis.call('ZADD', at.held, now, id)
    redis.call('PEXPIRE', at.held, keep)
  end
end

-- Ends a delivery that was not sent and does not count as an attempt; its log says why.
local function end_unsent(prefix, at, id, status, reason, now, keep)
  local row = delivery_key(prefix, id)
  redis.call('HSET', row, 'attempt:' .. redis.call('HGET', row, 'attempts') + 1,
    cjson.encode({ atMs = now, durationMs = 0, error = reason }))
  end_delivery(prefix, at, id, status, now, keep)
end

-- URLs of a team's jobs that answered 410, by API key and hash, with when: jobs of that key are told there no more.
local KEEP_GONE_MS, MAX_GONE = 30 * 86400000, 1000
local function gone_urls(prefix, team) return prefix .. ':gone-urls:' .. team end
local function gone_member(api_key, url) return (api_key or '') .. ' ' .. redis.sha1hex(url) end

local function is_url_gone(prefix, team, api_key, url, now)
  local since = redis.call('ZSCORE', gone_urls(prefix, team), gone_member(api_key, url))
  return since and now - since < KEEP_GONE_MS
end
