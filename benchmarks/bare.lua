-- Write what submit.lua writes for one job, and decide nothing: the least that one script call for a job can cost.
--
-- KEYS[1] prefix
-- ARGV[1] job id   [2] spec   [3...] record as flat fields and values
-- returns "accepted"
local prefix, id = KEYS[1], ARGV[1]
local index = prefix .. ':index:default:'

redis.call('HSET', prefix .. ':job:default:' .. id, 'spec', ARGV[2], unpack(ARGV, 3))
redis.call('ZADD', index .. 'all', 0, id)
redis.call('ZADD', index .. 'kind:transition', 0, id)
redis.call('ZADD', index .. 'state:pending', 0, id)
redis.call('ZADD', index .. 'owner:customer-4711', 0, id)
redis.call('ZADD', index .. 'label:project=harbour', 0, id)
redis.call('ZADD', prefix .. ':pending:2:default:transition', 1, id)
redis.call('HINCRBY', prefix .. ':waiting', '2', 1)
-- The ticket: as many as wait at most, like the original.
if redis.call('LLEN', prefix .. ':dramatiq:segue') < 10000 then
  local ticket = 'ticket-' .. string.format('%.0f', redis.call('INCRBY', prefix .. ':tickets', 1))
  redis.call('HSET', prefix .. ':dramatiq:segue.msgs', ticket, '{"queue_name":"segue","actor_name":"work","args":[],' ..
    '"kwargs":{},"options":{"redis_message_id":"' .. ticket .. '"},"message_id":"' .. ticket .. '",' ..
    '"message_timestamp":1800000000000}')
  redis.call('RPUSH', prefix .. ':dramatiq:segue', ticket)
end
return 'accepted'
