-- Take a provider slot for a step of a job.
--
-- KEYS[1] prefix
-- ARGV[1] slots at the provider   [2] tenant   [3] job id   [4] attempt   [5] step
-- returns {"taken"} | {"full"} | {"fenced"}
local slots, member, slot = key('provider'), ARGV[2] .. '/' .. ARGV[3], ARGV[2] .. '/' .. ARGV[3] .. '/' .. ARGV[5]
if redis.call('HGET', key('job', ARGV[2], ARGV[3]), 'attempt') ~= ARGV[4] then return {'fenced'} end
if not redis.call('ZSCORE', key('leases'), member) then return {'fenced'} end

if redis.call('ZSCORE', slots, slot) then return {'taken'} end
-- The slot that the claim took is for whichever step comes first.
if redis.call('ZREM', slots, member) == 0 and redis.call('ZCARD', slots) >= tonumber(ARGV[1]) then return {'full'} end
redis.call('ZADD', slots, 0, slot)
return {'taken'}
