-- Takes deliveries that are due: from each destination no more than its window lets through, and first from those whose
-- turn it has been for longest. Nobody else gets them until the lease ends or an attempt is recorded.
-- ARGV 1 prefix  2 how many  3 how many of them to destinations that have not proven themselves  4 lease in ms
--      5 ms added to the clock  6 for how long one may wait behind a circuit in ms  7 for how long an ended one is kept
--      8… fields wanted
-- Returns { ms until something can be leased or -1, { id, lease, '1' if to a suspect, fields… }… }
-- include outbox
local MAX_VISITS = 256
local MAX_GIVEN_UP = 500
local MAX_DROPPED = 500
local prefix, keep = ARGV[1], ARGV[7]
local now = outbox_time(tonumber(ARGV[5]))
local free, for_suspects = tonumber(ARGV[2]), tonumber(ARGV[3])
local lease = string.format('%.0f', now + ARGV[4])
local leased = { -1 }

local function give_up(at)
  local late = redis.call('ZRANGE', at.waiting, '-inf', now - ARGV[6], 'BYSCORE', 'LIMIT', 0, MAX_GIVEN_UP)
  for _, id in ipairs(late) do
    redis.call('ZREM', at.waiting, id)
    if redis.call('EXISTS', delivery_key(prefix, id)) == 1 then end_delivery(prefix, at, id, 'exhausted', now, keep) end
  end
end

-- News of progress is not sent once there is later news of its job, unless it was asked for again.
local function is_superseded(id)
  local sequence = progress_sequence(id)
  if not sequence then return false end
  local row = redis.call('HMGET', delivery_key(prefix, id), 'jobId', 'round')
  if not row[1] or row[2] ~= '1' then return false end
  local job = redis.call('HMGET', prefix .. ':job:' .. row[1], 'status', 'told')
  local is_open = job[1] == 'submitted' or job[1] == 'generated'
  return not is_open or tonumber(string.match(job[2] or '0', '^%d+')) > sequence
end

-- Of the jobs' own URLs of one team: whether this one answered 410 since the delivery was made, unless it was asked for
-- again.
local function is_to_gone_url(team, id)
  local row = redis.call('HMGET', delivery_key(prefix, id), 'url', 'apiKeyId', 'round')
  return row[1] and row[3] == '1' and is_url_gone(prefix, team, row[2], row[1], now)
end

local function visit(at, most, suspect)
  for _, id in ipairs(redis.call('ZRANGE', at.sending, '-inf', now, 'BYSCORE')) do
    redis.call('ZREM', at.sending, id)
    redis.call('ZADD', at.waiting, now, id)
  end
  local state = redis.call('HMGET', at.state, 'window', 'openUntil', 'openings')
  local taken = 0
  if tonumber(state[2] or 0) <= now then
    if state[3] then give_up(at) end
    local team = string.match(at.name, '^host:([^:]+):')
    local any_gone = team and redis.call('EXISTS', gone_urls(prefix, team)) == 1
    local room = math.min(most, tonumber(state[1] or 1) - redis.call('ZCARD', at.sending))
    local dropped = 0
    while room > 0 and dropped < MAX_DROPPED do
      local asked = room
      local ids = redis.call('ZRANGE', at.waiting, '-inf', now, 'BYSCORE', 'LIMIT', 0, asked)
      for _, id in ipairs(ids) do
        redis.call('ZREM', at.waiting, id)
        local fields = redis.call('HMGET', delivery_key(prefix, id), unpack(ARGV, 8))
        if is_superseded(id) then
          end_unsent(prefix, at, id, 'exhausted', 'superseded', now, keep)
          dropped = dropped + 1
        elseif any_gone and is_to_gone_url(team, id) then
          end_unsent(prefix, at, id, 'gone', 'url_gone', now, keep)
          dropped = dropped + 1
        elseif fields[1] then
          taken = taken + 1
          room = room - 1
          redis.call('ZADD', at.sending, lease, id)
          leased[#leased + 1] = { id, lease, suspect, unpack(fields) }
        else
          -- A delivery without a row has no business here.
          dropped = dropped + 1
        end
      end
      if #ids < asked then break end
    end
  end
  place_destination(at, now, true)
  return taken
end

local function visit_all(destinations, most, suspect)
  for _, name in ipairs(redis.call('ZRANGE', destinations, '-inf', now, 'BYSCORE', 'LIMIT', 0, MAX_VISITS)) do
    if most <= 0 then break end
    most = most - visit(outbox_of(prefix, name), most, suspect)
  end
  return most
end

free = visit_all(prefix .. ':destinations', free, '')
for_suspects = visit_all(prefix .. ':suspects', math.min(free, for_suspects), '1')
local next = math.huge
local function hear(destinations)
  local first = redis.call('ZRANGE', destinations, 0, 0, 'WITHSCORES')[2]
  if first then next = math.min(next, first) end
end
hear(prefix .. ':destinations')
if for_suspects > 0 then hear(prefix .. ':suspects') end
if next < math.huge then leased[1] = math.max(0, math.ceil(next - now)) end
return leased
