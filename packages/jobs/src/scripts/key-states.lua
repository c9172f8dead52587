-- What stands in the way of each key: how long it rests for any of the models, why, and how many of its slots are taken.
-- KEYS for each key 1 its rests  2 its slots
-- ARGV 1 how many models are named per key, then those of each key
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local count = tonumber(ARGV[1])
local states = {}
for key = 1, #KEYS / 2 do
  local left, why = 0, ''
  if redis.call('EXISTS', KEYS[2 * key - 1]) == 1 then
    for model = 1, count do
      local rest = redis.call('HGET', KEYS[2 * key - 1], ARGV[1 + (key - 1) * count + model])
      if rest then
        local ends, reason = string.match(rest, '^(%d+) %d+ %d+ (.*)$')
        if tonumber(ends) - now > left then left, why = tonumber(ends) - now, reason end
      end
    end
  end
  states[key] = {string.format('%.0f', left), why, redis.call('SCARD', KEYS[2 * key])}
end
return states
