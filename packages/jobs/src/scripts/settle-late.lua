-- Puts what a task has cost in the place of what was at risk, once.
-- KEYS 1 record  2 jobs whose cost is asked for later  3 the day's report  4… sums of a month
-- ARGV 1 job id  2 cost as JSON  3 line of the report  4 line for what is too many
--      changes: 5 charged micro-dollars  6 milli-credits  7 jobs at risk  8 micro-dollars at risk  9 milli-credits
--      10 spent micro-dollars  11 milli-credits  12 what the fields of the day begin with
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('HDEL', KEYS[1], 'costUnknown') == 0 then return 0 end
redis.call('HSET', KEYS[1], 'cost', ARGV[2])
local function add(key, field, amount)
  if amount ~= '0' and redis.call('EXISTS', key) == 1 then redis.call('HINCRBY', key, field, amount) end
end
local line = redis.call('HEXISTS', KEYS[3], ARGV[3] .. '|jobs') == 1 and ARGV[3] or ARGV[4]
add(KEYS[3], line .. '|usd', ARGV[5])
add(KEYS[3], line .. '|credits', ARGV[6])
add(KEYS[3], line .. '|unknown', ARGV[7])
add(KEYS[3], line .. '|unknown_usd', ARGV[8])
add(KEYS[3], line .. '|unknown_credits', ARGV[9])
for n = 4, #KEYS do
  for _, day in ipairs({ '', ARGV[12] }) do
    add(KEYS[n], day .. 'spent_usd', ARGV[10])
    add(KEYS[n], day .. 'spent_credits', ARGV[11])
  end
end
return 1
