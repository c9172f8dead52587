-- Counts anew how many jobs of each team and key have not ended. Needed only when a record was lost: every other change
-- of the counts is in the same step as the job's own.
-- KEYS 1 counts of jobs in flight  2 open   ARGV 1 prefix of record keys
local counts = {}
local function count(scope) counts[scope] = (counts[scope] or 0) + 1 end
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local job = redis.call('HMGET', ARGV[1] .. id, 'team', 'hold')
  if job[1] and job[2] then
    count('team:' .. job[1])
    local key = cjson.decode(job[2]).apiKeyId
    if key then count('key:' .. key) end
  end
end
redis.call('DEL', KEYS[1])
for scope, n in pairs(counts) do redis.call('HSET', KEYS[1], scope, n) end
return 1
