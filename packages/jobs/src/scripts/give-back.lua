-- Ends the turn of a queued job that did not begin: it goes back to its place in the line, or sleeps outside of it.
-- KEYS 1 record  2 open
-- ARGV 1 prefix  2 queue  3 lane  4 team  5 job id  6 place in the line, '' when it sleeps  7 fence of the turn
--      8 reconcile delay in ms  9… fields
-- include turns
local record, team, id = KEYS[1], ARGV[4], ARGV[5]
local job = redis.call('HMGET', record, 'status', 'turn', 'fence')
if job[1] ~= 'queued' or not job[2] or job[3] ~= ARGV[7] then return 0 end
local at = places(ARGV[1], ARGV[2], ARGV[3])
leave_turns(at, team, id, record, false)
if ARGV[6] ~= '' then enter_line(at, team, id, ARGV[6]) end
if #ARGV > 8 then redis.call('HSET', record, unpack(ARGV, 9)) end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], 'XX', time[1] * 1000 + ARGV[8], id)
return 1
