-- Take a provider slot for a further generation that a job runs beside its first.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] lease, ms   [3] slots at the provider
--     [4] tenant   [5] job id   [6] attempt   [7] name of the slot ('' for the attempt's own)
-- returns {"taken"} | {"full"} | {"fenced"}
local now = clock(ARGV[1])
local member = ARGV[4] .. '/' .. ARGV[5]
if redis.call('HGET', key('job', ARGV[4], ARGV[5]), 'attempt') ~= ARGV[6] then return {'fenced'} end
if not redis.call('ZSCORE', key('leases'), member) then return {'fenced'} end
if ARGV[7] ~= '' then member = member .. '/' .. ARGV[7] end

redis.call('ZREMRANGEBYSCORE', key('provider'), '-inf', int(now))
local held = redis.call('ZSCORE', key('provider'), member)
if not held and redis.call('ZCARD', key('provider')) >= tonumber(ARGV[3]) then return {'full'} end
redis.call('ZADD', key('provider'), int(now + tonumber(ARGV[2])), member)
return {'taken'}
