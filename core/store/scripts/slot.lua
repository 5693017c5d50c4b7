-- Take a provider slot for a step of a job, or give it back.
--
-- KEYS[1] prefix
-- ARGV[1] "take" | "give"   [2] slots at the provider   [3] tenant   [4] job id   [5] attempt   [6] step
-- returns {"taken"} | {"full"} | {"given"} | {"fenced"}
local verb, limit, tenant, id, attempt = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local slots, member = key('provider'), tenant .. '/' .. id
local slot = member .. '/' .. ARGV[6]
-- What an attempt leaves is its job's, perhaps its successor's by now.
if redis.call('HGET', key('job', tenant, id), 'attempt') ~= attempt then return {'fenced'} end
if not redis.call('ZSCORE', key('leases'), member) then return {'fenced'} end

if verb == 'give' then
  redis.call('ZREM', slots, slot)
  return {'given'}
end
if redis.call('ZSCORE', slots, slot) then return {'taken'} end
-- The slot that the claim took is for whichever step comes first.
if redis.call('ZREM', slots, member) == 0 and redis.call('ZCARD', slots) >= limit then return {'full'} end
redis.call('ZADD', slots, 0, slot)
return {'taken'}
