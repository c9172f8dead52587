import { luaScript } from '../lua-script.ts'

/** KEYS: pointer, records. The record that a hash points to. */
export const FIND = luaScript(`
local id = redis.call('GET', KEYS[1])
return id and redis.call('HGET', KEYS[2], id)`)

/** KEYS: records, last uses. ARGV: id, when. A key that was revoked meanwhile leaves nothing behind. */
export const NOTE_USE = luaScript(`
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end`)

/**
 * KEYS: records, last uses, index, index of the team, teams, then one pointer for each hash.
 * ARGV: id, the record as it was read, as it is to be ('' for none), the team that must exist ('' for one that does),
 * channel, then hash and expiry for each pointer: 0 never, -1 at once.
 * Answers 1, 0 when somebody else was quicker, -1 when there is no such team.
 */
export const SAVE = luaScript(`
local id, before, after, team = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if (redis.call('HGET', KEYS[1], id) or '') ~= before then return 0 end
if team ~= '' and redis.call('HEXISTS', KEYS[5], team) == 0 then return -1 end
if after == '' then
  redis.call('HDEL', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('ZREM', KEYS[4], id)
else
  redis.call('HSET', KEYS[1], id, after)
  redis.call('ZADD', KEYS[3], 0, id)
  redis.call('ZADD', KEYS[4], 0, id)
end
for i = 6, #KEYS do
  local arg = 6 + (i - 6) * 2
  local expiry = tonumber(ARGV[arg + 1])
  if expiry < 0 then redis.call('DEL', KEYS[i])
  elseif expiry == 0 then redis.call('SET', KEYS[i], id)
  else redis.call('SET', KEYS[i], id, 'PXAT', ARGV[arg + 1]) end
  redis.call('PUBLISH', ARGV[5], ARGV[arg])
end
return 1`)
