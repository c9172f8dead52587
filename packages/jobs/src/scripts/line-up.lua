-- Puts a queued job in the line of its team, or gives it a turn at once. Idempotent.
-- KEYS 1 record
-- ARGV 1 prefix  2 queue  3 lane  4 team  5 job id  6 place in the line  7 window  8 ms until a lost message is sent again
-- include turns
local record, team, id = KEYS[1], ARGV[4], ARGV[5]
local at = places(ARGV[1], ARGV[2], ARGV[3])
local job = redis.call('HMGET', record, 'status', 'turn', 'fence')
if job[1] ~= 'queued' then return { 'elsewhere' } end
if job[2] then return { 'fed', tonumber(job[3]), tonumber(job[2]) } end
if redis.call('ZSCORE', at.line .. team, id) then return { 'lined' } end
local time = redis.call('TIME')
return line_up(at, team, id, record, ARGV[6], ARGV[7], time[1] * 1000 + ARGV[8])
