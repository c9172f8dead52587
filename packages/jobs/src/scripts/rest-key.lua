-- Lets a provider key rest, for one model or wholly. A longer rest that runs already is kept. A rest that may grow is
-- twice as long as the one before it, and as long as one runs it is the same one, however many refusals come at once.
-- KEYS 1 rests of the key
-- ARGV 1 m:<model>, * for all, or ! for lost creates  2 for how long in ms  3 reason  4 longest in ms, 0 when it does not
--      grow  5 '1' when a probe has failed, whose time is part of the rest
-- A field is `<until> <since> <times> <reason>`; what is over is remembered for an hour, as the step before the next.
local MEMORY_MS = 3600000
local MANY = 100
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function whole(number) return string.format('%.0f', number) end

local ms, reason, longest = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local since, times = now, 1
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old then
  local ends, began, count, why = string.match(old, '^(%d+) (%d+) (%d+) (.*)$')
  ends, began, count = tonumber(ends), tonumber(began), tonumber(count)
  if ARGV[5] == '1' then ends, since = 0, began end
  if ends > now and longest > 0 and why == reason then return {0, whole(ends - now)} end
  if longest > 0 and why == reason then
    times = count + 1
    ms = math.min(longest, ms * 2 ^ math.min(20, count))
  end
  if ends >= now + ms then return {0, whole(ends - now)} end
  if ends > now and why == reason then since = began end
end
if redis.call('HLEN', KEYS[1]) > MANY then
  local all = redis.call('HGETALL', KEYS[1])
  for n = 1, #all, 2 do
    -- Whose creates were lost is not over with its time.
    if all[n] ~= '!' and tonumber(string.match(all[n + 1], '^%d+')) <= now then redis.call('HDEL', KEYS[1], all[n]) end
  end
end
redis.call('HSET', KEYS[1], ARGV[1], whole(now + ms) .. ' ' .. whole(since) .. ' ' .. times .. ' ' .. reason)
if redis.call('PTTL', KEYS[1]) < ms + MEMORY_MS then redis.call('PEXPIRE', KEYS[1], whole(ms + MEMORY_MS)) end
return {since == now and 1 or 0, whole(ms)}
