-- Lets a provider key rest. A longer rest that runs already is kept, also when two refusals come at once.
-- KEYS 1 rest   ARGV 1 for how long in ms  2 reason
if redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
return 1
