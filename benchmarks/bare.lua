-- Write what submit.lua writes for one job, and decide nothing: the least that one script call for a job can cost.
--
-- KEYS[1] prefix
-- ARGV[1] job id   [2] spec   [3] event   [4] ticket   [5...] record as flat fields and values
-- returns "accepted"
local prefix, id = KEYS[1], ARGV[1]
local index = prefix .. ':index:default:'

redis.call('HSET', prefix .. ':job:default:' .. id, 'spec', ARGV[2], unpack(ARGV, 5))
redis.call('XADD', prefix .. ':log:default:' .. id, 'MAXLEN', '~', 1000, '1-0', 'e', ARGV[3])
redis.call('ZADD', index .. 'all', 0, id)
redis.call('ZADD', index .. 'kind:transition', 0, id)
redis.call('ZADD', index .. 'state:pending', 0, id)
redis.call('ZADD', index .. 'owner:customer-4711', 0, id)
redis.call('ZADD', index .. 'label:project=harbour', 0, id)
redis.call('ZADD', prefix .. ':pending:2:default:transition', 1, id)
redis.call('HSET', prefix .. ':dramatiq:segue.msgs', id, ARGV[4])
redis.call('RPUSH', prefix .. ':dramatiq:segue', id)
return 'accepted'
