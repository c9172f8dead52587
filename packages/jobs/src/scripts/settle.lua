-- The end of what budgets held for a job: it is released, what the job came to is spent, and its line in the day's
-- report is written. In the same step as the job's last change, so that neither can be lost or happen twice.
-- money: 1 the day's report (a key)  2 how long it is kept in ms  3 most sums in it  4 line of the job  5 line for what
--        is too many  6 its status  7 charged micro-dollars  8 milli-credits  9 1 if more is at risk  10 how many
--        micro-dollars  11 milli-credits  12 and 13 the same to add to what is held  14 and 15 to what is spent
--        16 counts of jobs in flight (a key)  17 jobs whose cost is asked for later (a key), or ''  18 job id  19 when
--        20 what the fields of the day begin with, then per team and key: its name  its sums of the month (a key)
local function settle(money)
  local report, line, inflight = money[1], money[4], money[16]
  local function add(key, field, amount)
    if amount ~= '0' then redis.call('HINCRBY', key, field, amount) end
  end
  if redis.call('HLEN', report) >= tonumber(money[3]) and redis.call('HEXISTS', report, line .. '|jobs') == 0 then
    line = money[5]
  end
  redis.call('HINCRBY', report, line .. '|jobs', 1)
  redis.call('HINCRBY', report, line .. '|' .. money[6], 1)
  add(report, line .. '|usd', money[7])
  add(report, line .. '|credits', money[8])
  add(report, line .. '|unknown', money[9])
  add(report, line .. '|unknown_usd', money[10])
  add(report, line .. '|unknown_credits', money[11])
  if redis.call('PTTL', report) < 0 then redis.call('PEXPIRE', report, money[2]) end
  if money[17] ~= '' then redis.call('ZADD', money[17], money[19], money[18]) end
  local day = money[20]
  for s = 21, #money, 2 do
    if redis.call('HINCRBY', inflight, money[s], -1) <= 0 then redis.call('HDEL', inflight, money[s]) end
    local sums = money[s + 1]
    -- Sums that have expired are asked for by nobody.
    if redis.call('EXISTS', sums) == 1 then
      for n, field in ipairs({ 'held_usd', 'held_credits', 'spent_usd', 'spent_credits' }) do
        add(sums, field, money[11 + n])
        add(sums, day .. field, money[11 + n])
      end
    end
  end
end
