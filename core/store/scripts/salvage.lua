-- Keep what an attempt has made that is paid for and can be used: the result of its job, should that fail.
--
-- KEYS[1] prefix
-- ARGV[1] tenant   [2] job id   [3] attempt   [4] the result
-- returns {"ok"} | {"fenced"}
local tenant, id, attempt, result = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local job = key('job', tenant, id)
if redis.call('HGET', job, 'attempt') ~= attempt then return {'fenced'} end
if not redis.call('ZSCORE', key('leases'), tenant .. '/' .. id) then return {'fenced'} end
redis.call('HSET', job, 'salvage', result)
return {'ok'}
