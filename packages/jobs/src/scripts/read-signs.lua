-- Reads of many jobs the little that tells whether a caller would notice a change.
-- ARGV 1 prefix of record keys  2… job ids
-- Returns { status, submits, cancel, waiting, looks } for each; nothing but nils where there is no such job
local found = {}
for i = 2, #ARGV do
  found[i - 1] = redis.call('HMGET', ARGV[1] .. ARGV[i], 'status', 'submits', 'cancel', 'waiting', 'looks')
end
return found
