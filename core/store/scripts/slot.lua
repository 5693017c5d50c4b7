-- Take a provider slot for a step of a job, or give it back.
--
-- KEYS[1] prefix
-- ARGV[1] "take" | "own" (take none but what is the job's already) | "behind" (take none while jobs wait for their
--     claim) | "give"   [2] slots at the provider   [3] tenant   [4] job id   [5] attempt   [6] step
--     [7] with "give": the step of the job that gets the slot instead, '' for none
-- returns {"taken"} | {"full"} | {"given"} | {"handed"} (to the step of [7]) | {"fenced"}
local verb, limit, tenant, id, attempt = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local slots, member, heir = key('provider'), tenant .. '/' .. id, ARGV[7]
local slot = member .. '/' .. ARGV[6]
-- What an attempt leaves is its job's, perhaps its successor's by now.
if redis.call('HGET', key('job', tenant, id), 'attempt') ~= attempt then return {'fenced'} end
if not redis.call('ZSCORE', key('leases'), member) then return {'fenced'} end

if verb == 'give' then
  local had = redis.call('ZREM', slots, slot)
  if heir == '' then return {'given'} end
  if had == 1 then redis.call('ZADD', slots, 0, member .. '/' .. heir) end
  return {redis.call('ZSCORE', slots, member .. '/' .. heir) and 'handed' or 'given'}
end
if redis.call('ZSCORE', slots, slot) then return {'taken'} end
-- The slot that the claim took is for whichever step comes first.
if redis.call('ZREM', slots, member) == 0 then
  if verb == 'own' or redis.call('ZCARD', slots) >= limit then return {'full'} end
  if verb == 'behind' then
    for _, count in ipairs(redis.call('HVALS', key('waiting'))) do
      if tonumber(count) > 0 then return {'full'} end
    end
  end
end
redis.call('ZADD', slots, 0, slot)
return {'taken'}
