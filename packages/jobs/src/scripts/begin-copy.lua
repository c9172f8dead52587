-- Claims the copy stage: a fence that no earlier run of it has, and the count of runs that did not come back.
-- KEYS 1 record   ARGV -
if redis.call('HGET', KEYS[1], 'status') ~= 'generated' then return {} end
local crashes = redis.call('HINCRBY', KEYS[1], 'copyRuns', 1) - 1
local failures = redis.call('HGET', KEYS[1], 'copyFailures') or '0'
return { redis.call('HINCRBY', KEYS[1], 'fence', 1), crashes, tonumber(failures) }
