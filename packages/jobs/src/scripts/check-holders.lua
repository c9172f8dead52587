-- Takes those out of the holders of a provider key whose record does not say that they hold it.
-- ARGV 1 prefix  2 `slots:<key>:<lane>` or `users:<key>`  3 key  4 statuses ',a,b,' in which it is held  5… job ids
-- include turns
local freed = 0
for n = 5, #ARGV do
  local job = redis.call('HMGET', ARGV[1] .. ':job:' .. ARGV[n], 'status', 'providerKey')
  if job[2] ~= ARGV[3] or not string.find(ARGV[4], ',' .. (job[1] or '') .. ',', 1, true) then
    drop_holder(ARGV[1], ARGV[2], ARGV[n])
    freed = freed + 1
  end
end
return freed
