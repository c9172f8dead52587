-- Included by the scripts that move jobs: who waits for a turn, who has one, and who holds a provider key.
-- Turns are counted by a clock of the queue that goes on as jobs begin. A team's next turn in a lane is one after the
-- last it had there, or what the clock shows where that is more: nobody saves turns up, and nobody waits longer than one
-- turn of each. A turn is the priority of its message, so that the order holds in BullMQ as well.
local MAX_TURN = 2000000 -- BullMQ's priorities end at 2^21

local function places(prefix, queue, lane)
  local tail = queue .. ':' .. lane
  return {
    lane = lane,
    lanes = prefix .. ':lanes:' .. queue,
    line = prefix .. ':line:' .. tail .. ':',
    ring = prefix .. ':ring:' .. tail,
    fed = prefix .. ':fed:' .. tail,
    turns = prefix .. ':turns:' .. queue,
    fed_of = prefix .. ':fed:' .. queue .. ':',
    ring_of = prefix .. ':ring:' .. queue .. ':',
  }
end

local function turn_name(at, team) return at.lane .. ' ' .. team end

-- And the latest that was given in the lane, to whomever.
local function next_turn(at, team)
  local known = redis.call('HMGET', at.turns, '', turn_name(at, team), turn_name(at, ''))
  return math.max(tonumber(known[1] or 0), tonumber(known[2] or 0) + 1), tonumber(known[3] or 0)
end

local function close_lane(at)
  if redis.call('EXISTS', at.ring, at.fed) > 0 then return end
  redis.call('SREM', at.lanes, at.lane)
  if redis.call('EXISTS', at.lanes) == 0 then redis.call('DEL', at.turns) end
end

local function enter_line(at, team, id, score)
  redis.call('ZADD', at.line .. team, score, id)
  redis.call('ZADD', at.ring, 'NX', next_turn(at, team), team)
  redis.call('SADD', at.lanes, at.lane)
end

-- Counts turns anew, once in millions; not while anybody has one, because he would be overtaken for ever.
local function restart_clock(at)
  local lanes = redis.call('SMEMBERS', at.lanes)
  for _, lane in ipairs(lanes) do
    if redis.call('EXISTS', at.fed_of .. lane) == 1 then return false end
  end
  redis.call('DEL', at.turns)
  for _, lane in ipairs(lanes) do
    for _, team in ipairs(redis.call('ZRANGE', at.ring_of .. lane, 0, -1)) do
      redis.call('ZADD', at.ring_of .. lane, 0, team)
    end
  end
  return true
end

-- Every turn has a fence of its own, and with it a message of its own. Returns both, or nothing while turns wait to be
-- counted anew.
local function give_turn(at, team, id, record, resend_at)
  local turn, latest = next_turn(at, team)
  if turn > MAX_TURN then
    if not restart_clock(at) then return end
    turn, latest = 1, 0
  end
  redis.call('HSET', at.turns, turn_name(at, team), turn, turn_name(at, ''), math.max(turn, latest))
  redis.call('ZADD', at.fed, resend_at, id)
  redis.call('SADD', at.lanes, at.lane)
  redis.call('HSET', record, 'turn', turn)
  return redis.call('HINCRBY', record, 'fence', 1), turn
end

-- Whether the team has neither a line nor a turn that has not begun: then the one before it cannot be its own.
local function is_away(at, team)
  if redis.call('ZSCORE', at.ring, team) then return false end
  local known = redis.call('HMGET', at.turns, '', turn_name(at, team))
  return tonumber(known[2] or -1) < tonumber(known[1] or 0)
end

-- For a job that comes to the lane. Who finds nobody waiting and room is given a turn at once, and so is the first job
-- of a team that has been away, for which there is as much room again.
local function line_up(at, team, id, record, score, window, resend_at)
  local fed = redis.call('ZCARD', at.fed)
  local is_next = fed < tonumber(window) and redis.call('EXISTS', at.ring) == 0
  if is_next or (fed < 2 * window and is_away(at, team)) then
    local fence, turn = give_turn(at, team, id, record, resend_at)
    if fence then return { 'fed', fence, turn } end
  end
  enter_line(at, team, id, score)
  return { 'lined' }
end

-- The clock goes on when a job begins; a turn that came to nothing is given back to its team.
local function end_turn(at, team, turn, begins)
  if begins then
    if turn > tonumber(redis.call('HGET', at.turns, '') or 0) then redis.call('HSET', at.turns, '', turn) end
  else
    redis.call('HINCRBY', at.turns, turn_name(at, team), -1)
    redis.call('ZADD', at.ring, 'XX', next_turn(at, team), team)
  end
end

-- Takes a job out of its line, or ends its turn.
local function leave_turns(at, team, id, record, begins)
  if redis.call('ZREM', at.fed, id) == 1 then
    end_turn(at, team, tonumber(redis.call('HGET', record, 'turn') or 0), begins)
    redis.call('HDEL', record, 'turn')
  elseif redis.call('ZREM', at.line .. team, id) == 1 and redis.call('EXISTS', at.line .. team) == 0 then
    redis.call('ZREM', at.ring, team)
  end
  close_lane(at)
end

local function add_holder(prefix, what, id)
  redis.call('SADD', prefix .. ':' .. what, id)
  redis.call('SADD', prefix .. ':holders', what)
end

local function drop_holder(prefix, what, id)
  if redis.call('SREM', prefix .. ':' .. what, id) == 1 and redis.call('EXISTS', prefix .. ':' .. what) == 0 then
    redis.call('SREM', prefix .. ':holders', what)
  end
end

-- The job may have a task at the vendor under this key, or has one.
local function hold_key(prefix, key, lane, id)
  add_holder(prefix, 'slots:' .. key .. ':' .. lane, id)
  add_holder(prefix, 'users:' .. key, id)
end

-- It has none any longer; `needed`: but what it made is still to be fetched with the key.
local function free_key(prefix, key, lane, id, needed)
  drop_holder(prefix, 'slots:' .. key .. ':' .. lane, id)
  if not needed then drop_holder(prefix, 'users:' .. key, id) end
end
