-- What a team, and a key of its own, may have in flight and spend. One read and one write of the sums of each.
-- Strings at..last: counts of jobs in flight (a key)  what the job may cost in micro-dollars  in milli-credits  how long
-- the sums of a month are kept in ms  what the fields of the day begin with, then per team and key: its name  its sums
-- of the month (a key)  its six limits in the order of limits.ts, '' where there is none.

-- Counts the job and holds what it may cost until it has ended. Where that would exceed a limit it changes nothing and
-- returns { 'limited', name of the team or key, number of the limit }.
local function admit(args, at, last)
  local usd, credits, day = tonumber(args[at + 1]), tonumber(args[at + 2]), args[at + 4]
  local jobs_today, usd_today, credits_today = day .. 'jobs', day .. 'held_usd', day .. 'held_credits'
  local all = {}
  for s = at + 5, last, 8 do
    local sums = redis.call(
      'HMGET', args[s + 1], 'held_usd', 'held_credits', jobs_today, usd_today, credits_today,
      'spent_usd', 'spent_credits', day .. 'spent_usd', day .. 'spent_credits'
    )
    for n = 1, 9 do sums[n] = tonumber(sums[n]) or 0 end
    all[s] = sums
    for n = 1, 6 do
      local limit = tonumber(args[s + 1 + n])
      if limit then
        local used, more
        if n == 1 then used, more = sums[2] + sums[7], credits
        elseif n == 2 then used, more = sums[1] + sums[6], usd
        elseif n == 3 then used, more = sums[5] + sums[9], credits
        elseif n == 4 then used, more = sums[4] + sums[8], usd
        elseif n == 5 then used, more = sums[3], 1
        else used, more = tonumber(redis.call('HGET', args[at], args[s]) or 0), 1 end
        if used >= limit or used + more > limit then return { 'limited', args[s], n } end
      end
    end
  end

  local function whole(number) return string.format('%.0f', number) end
  for s, sums in pairs(all) do
    redis.call('HINCRBY', args[at], args[s], 1)
    local added = redis.call(
      'HSET', args[s + 1], 'held_usd', whole(sums[1] + usd), 'held_credits', whole(sums[2] + credits),
      jobs_today, whole(sums[3] + 1), usd_today, whole(sums[4] + usd), credits_today, whole(sums[5] + credits)
    )
    -- All of them are new: so is the month.
    if added == 5 then redis.call('PEXPIRE', args[s + 1], args[at + 3]) end
  end
end
