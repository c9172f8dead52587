-- Gives turns to those who wait: to the team whose next one is the first, and there to the first in its line.
-- ARGV 1 prefix  2 queue  3 lane  4 how many may have a turn and not have begun  5 ms until a lost message is sent again
--      6 how many at most at once  7 how many while one of them is overtaken, at most
-- Returns { whether somebody still waits, { id, fence, turn }… }: whose messages are to be sent.
-- include turns
local records = ARGV[1] .. ':job:'
local at = places(ARGV[1], ARGV[2], ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local resend_at = now + ARGV[5]
local send = { 0 }

-- Turns whose message may never have been sent: whoever gave them died before.
for _, id in ipairs(redis.call('ZRANGE', at.fed, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[6])) do
  local job = redis.call('HMGET', records .. id, 'status', 'turn', 'fence')
  if job[1] == 'queued' and job[2] then
    redis.call('ZADD', at.fed, resend_at, id)
    send[#send + 1] = { id, tonumber(job[3]), tonumber(job[2]) }
  else
    redis.call('ZREM', at.fed, id)
  end
end

local room, window = tonumber(ARGV[4]), tonumber(ARGV[7])
local fed = redis.call('ZCARD', at.fed)
-- More have their turn than there is room for: they came when nobody waited. Whoever is before them goes before them.
local is_crowded = fed > room
local function is_before(turn, latest) return turn < latest end
while #send <= tonumber(ARGV[6]) do
  local team = redis.call('ZRANGE', at.ring, 0, 0)[1]
  if not team then break end
  if fed >= room and not (is_crowded and fed < window and is_before(next_turn(at, team))) then break end
  local line = at.line .. team
  local id = redis.call('ZRANGE', line, 0, 0)[1]
  local job = id and redis.call('HMGET', records .. id, 'status', 'turn') or {}
  if job[1] == 'queued' and not job[2] then
    local fence, turn = give_turn(at, team, id, records .. id, resend_at)
    if not fence then break end
    redis.call('ZADD', at.ring, turn + 1, team)
    send[#send + 1] = { id, fence, turn }
    fed = fed + 1
  end
  if id then redis.call('ZREM', line, id) end
  if redis.call('EXISTS', line) == 0 then redis.call('ZREM', at.ring, team) end
end
close_lane(at)
send[1] = redis.call('EXISTS', at.ring)
return send
