-- Writes one delivery that no job's end calls for, ahead of what waits for its destination.
-- ARGV 1 prefix  2 ms added to the clock  3 id  4 destination  5 team  6 attempts that count as made
--      7 for how long it stands in the team's list in ms  8… field and value strings
-- include outbox
local AHEAD_MS = 3600000
local prefix, now = ARGV[1], outbox_time(tonumber(ARGV[2]))
local at = outbox_of(prefix, ARGV[4])
redis.call('HSET', delivery_key(prefix, ARGV[3]), 'id', ARGV[3], 'destination', ARGV[4], 'team', ARGV[5], 'createdAtMs',
  now, 'status', 'pending', 'attempts', 0, 'round', 1, 'step', ARGV[6], 'nextAtMs', now, unpack(ARGV, 8))
redis.call('ZADD', at.waiting, now - AHEAD_MS, ARGV[3])
redis.call('HDEL', at.state, 'openUntil')
place_destination(at, now)
local list = prefix .. ':deliveries:' .. ARGV[5]
redis.call('ZADD', list, now, ARGV[3])
redis.call('PEXPIRE', list, ARGV[7])
return 1
