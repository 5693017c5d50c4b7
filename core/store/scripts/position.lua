-- Tell how many jobs go before a waiting one, if no others come, and how fast they go.
--
-- It is what claim.lua would do: all jobs of higher classes; of the job's own tenant those of lower rank; of each other
-- tenant of the class as many as its service lets in before. Caps, pauses and the floor of lower classes are left out.
--
-- KEYS[1] prefix
-- ARGV[1] tenant   [2] job id   [3] weights: msgpack {tenant = weight}
-- returns {jobs of its tenant that go before, jobs of all tenants that do, mean interval between claims in ms (-1: unknown)}
--     | {-1, -1, -1}: it is not in the line
local tenant, id, weights = ARGV[1], ARGV[2], cmsgpack.unpack(ARGV[3])
local kind, priority, created = unpack(redis.call('HMGET', key('job', tenant, id), 'kind', 'priority', 'created'))
if not kind then return {-1, -1, -1} end
local class = class_of(priority)
local ahead = redis.call('ZRANK', key('pending', class, tenant, kind), id)
if not ahead then return {-1, -1, -1} end

-- Of equal rank, the kinds go in their order.
local bound = ''
for _, other in ipairs(KINDS) do
  if other == kind then
    bound = '('
  else
    local line = key('pending', class, tenant, other)
    ahead = ahead + redis.call('ZCOUNT', line, '-inf', bound .. rank_of(priority, created))
  end
end
local own_ahead = ahead
for higher = 1, class - 1 do
  for _, each in ipairs(KINDS) do
    own_ahead = own_ahead + redis.call('ZCARD', key('pending', higher, tenant, each))
  end
end

-- Each claim goes to the tenant that had the least service; of those with the same, to the lower name.
local clock_of_class = tonumber(redis.call('GET', key('clock', class)) or '0')
local turn = tonumber(redis.call('ZSCORE', key('ready', class), tenant))
if ahead > 0 then turn = math.max(turn, clock_of_class) + ahead * cost_of(weights[tenant]) end
local tenants = redis.call('ZRANGEBYSCORE', key('ready', class), '-inf', int(turn), 'WITHSCORES', 'LIMIT', 0, 1000)
for i = 1, #tenants, 2 do
  local other, had = tenants[i], tonumber(tenants[i + 1])
  if other ~= tenant and (had < turn or other < tenant) then
    local begins, cost = math.max(had, clock_of_class), cost_of(weights[other])
    local more = (turn - begins) / cost
    more = other < tenant and math.floor(more) or math.ceil(more) - 1
    local waiting = 0
    for _, each in ipairs(KINDS) do waiting = waiting + redis.call('ZCARD', key('pending', class, other, each)) end
    ahead = ahead + math.min(waiting, 1 + math.max(0, more))
  end
end
for higher = 1, class - 1 do ahead = ahead + tonumber(redis.call('HGET', key('waiting'), higher) or '0') end
local interval = tonumber(redis.call('HGET', key('pace'), 'interval') or '-1')
return {own_ahead, ahead, math.floor(interval)}
