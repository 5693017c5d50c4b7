-- Forget jobs whose retention has passed, with everything that points at them.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] most jobs forgotten in one call
-- returns how many were forgotten
local now = clock(ARGV[1])
local due = redis.call('ZRANGEBYSCORE', key('expiry'), '-inf', int(now), 'LIMIT', 0, tonumber(ARGV[2]))
for _, member in ipairs(due) do forget(string.match(member, '^(.-)/(.+)$')) end
return #due
