-- Writes back what became of leased deliveries: the attempt, what is to happen next, and what it says about the
-- destination. A lease that was lost leaves no trace.
-- ARGV 1 prefix  2 ms added to the clock  3 for how long an ended one is kept in ms  4 widest window
--      5 failures in a row that open the circuit  6 for how long at first in ms  7 for how long at most
--      8 ms after which an endpoint that takes nothing is disabled
--      then per delivery: id  destination  team  lease  status  ms until the next attempt  the attempt as JSON or ''
--      what it was: 'taken', 'slow' (taken, too), 'refused', 'failed', 'crowded' (its host has enough) or ''
-- Returns per delivery: 0 lease lost, 1 written, or why its endpoint has been disabled by it.
-- include outbox
local KEEP_ATTEMPTS = 20
-- The clock of an endpoint's failing starts with so many failures in a day.
local FAILURES_TO_START, WITHIN_MS = 5, 86400000
local KEEP_STATE_MS = 7 * 86400000
local prefix, offset, keep = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local now = outbox_time(offset)

-- One that takes its time gets fewer at once, and no share of what is kept for those that answer.
local function on_taken(at, is_slow)
  local window = tonumber(redis.call('HGET', at.state, 'window') or 1)
  window = is_slow and math.max(1, math.floor(window / 2)) or math.min(tonumber(ARGV[4]), 2 * window)
  redis.call('HSET', at.state, 'window', window, 'lastSuccessMs', now)
  redis.call('HDEL', at.state, 'inRow', 'openings', 'openUntil', 'failures', 'firstFailureMs', 'failingSinceMs', 'slow')
  if is_slow then redis.call('HSET', at.state, 'slow', 1) end
end

-- Others fill its host: it waits a moment and begins with one again, without having failed.
local function on_crowded(at, wait)
  local open = math.max(now + wait, tonumber(redis.call('HGET', at.state, 'openUntil') or 0))
  redis.call('HSET', at.state, 'window', 1, 'openUntil', string.format('%.0f', open))
end

-- Failures of what was sent before the circuit opened do not keep it open for longer.
local function on_failed(at)
  redis.call('HSET', at.state, 'window', 1)
  if redis.call('HINCRBY', at.state, 'inRow', 1) < tonumber(ARGV[5]) then return end
  if tonumber(redis.call('HGET', at.state, 'openUntil') or 0) > now then return end
  local openings = redis.call('HINCRBY', at.state, 'openings', 1)
  local open = math.min(tonumber(ARGV[7]), tonumber(ARGV[6]) * 2 ^ math.min(20, openings - 1))
  redis.call('HSET', at.state, 'openUntil', string.format('%.0f', now + open))
end

-- Whether an endpoint has taken nothing for too long.
local function is_given_up(at)
  local state = redis.call('HMGET', at.state, 'failingSinceMs', 'firstFailureMs')
  if state[1] then return now - state[1] >= tonumber(ARGV[8]) end
  if not state[2] or now - state[2] > WITHIN_MS then
    redis.call('HSET', at.state, 'firstFailureMs', now, 'failures', 1)
  elseif redis.call('HINCRBY', at.state, 'failures', 1) >= FAILURES_TO_START then
    redis.call('HSET', at.state, 'failingSinceMs', now)
  end
  return false
end

-- What waits for the endpoint is leased without delay from now on, and becomes held.
local function disable(at, team, endpoint, reason)
  local key = prefix .. ':endpoints:' .. team
  local text = redis.call('HGET', key, endpoint)
  local row = text and cjson.decode(text)
  if not row or row.status == 'disabled' then return 1 end
  row.status = 'disabled'
  row.disabledReason = reason
  row.updatedAtMs = now
  redis.call('HSET', key, endpoint, cjson.encode(row))
  -- Where the accounts package hears of changed endpoints.
  redis.call('PUBLISH', prefix .. ':accounts', team .. '/' .. endpoint)
  redis.call('DEL', at.state)
  redis.call('HSET', at.state, 'window', ARGV[4])
  return reason
end

-- A job's own URL that answered 410 is called no more for jobs of the same API key, until it takes one after all.
local function note_own_url(team, row, what, status)
  local key = gone_urls(prefix, team)
  local is_gone = what == 'refused' and status == 'gone'
  if not is_gone and (what ~= 'taken' and what ~= 'slow' or redis.call('EXISTS', key) == 0) then return end
  local is = redis.call('HMGET', row, 'apiKeyId', 'url')
  if not is[2] then return end
  local member = gone_member(is[1], is[2])
  if not is_gone then
    redis.call('ZREM', key, member)
    return
  end
  redis.call('ZADD', key, now, member)
  redis.call('ZREMRANGEBYRANK', key, 0, -MAX_GONE - 1)
  redis.call('PEXPIRE', key, KEEP_GONE_MS)
end

local replies = {}
local seen, destinations = {}, {}
for n = 9, #ARGV, 8 do
  local id, destination, team, lease, status, retry, attempt, what = unpack(ARGV, n, n + 7)
  local at = outbox_of(prefix, destination)
  local held_until = redis.call('ZSCORE', at.sending, id)
  local reply = 0
  if held_until and tonumber(held_until) == tonumber(lease) then
    reply = 1
    redis.call('ZREM', at.sending, id)
    local row = delivery_key(prefix, id)
    if redis.call('EXISTS', row) == 1 then
      if attempt ~= '' then
        local count = redis.call('HINCRBY', row, 'attempts', 1)
        redis.call('HINCRBY', row, 'step', 1)
        redis.call('HSET', row, 'attempt:' .. count, attempt)
        redis.call('HDEL', row, 'attempt:' .. (count - KEEP_ATTEMPTS))
      end
      if status == 'pending' then
        redis.call('HSET', row, 'nextAtMs', now + retry)
        redis.call('ZADD', at.waiting, now + retry, id)
      else
        end_delivery(prefix, at, id, status, now, keep)
      end
    end
    local endpoint = string.match(destination, '^ep:(.+)$')
    if what == 'taken' or what == 'slow' then
      on_taken(at, what == 'slow')
    elseif what == 'crowded' then
      on_crowded(at, retry)
    elseif what == 'failed' or (what == 'refused' and endpoint) then
      on_failed(at)
    elseif what == 'refused' then
      redis.call('HDEL', at.state, 'inRow', 'openings', 'openUntil')
    end
    if not endpoint then note_own_url(team, row, what, status) end
    if endpoint and (what == 'failed' or what == 'refused') then
      if status == 'gone' then
        reply = disable(at, team, endpoint, 'gone')
      elseif is_given_up(at) then
        reply = disable(at, team, endpoint, 'failing')
      end
    end
    if redis.call('EXISTS', at.state) == 1 then redis.call('PEXPIRE', at.state, KEEP_STATE_MS) end
    if not seen[destination] then
      seen[destination] = true
      destinations[#destinations + 1] = at
    end
  end
  replies[#replies + 1] = reply
end
for _, at in ipairs(destinations) do place_destination(at, now) end
return replies
