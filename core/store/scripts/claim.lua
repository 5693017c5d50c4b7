-- Give a free slot the best job that may run now: highest class, then the tenant that had the least service,
-- then priority and age; passing over tenants and kinds at their cap.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] events kept per job   [3] worker   [4] lease, ms
--     [5] nonce of this claim: a repeated call gets the same job
--     [6] policy: msgpack {floor = every so many claims a lower class goes first, provider = slots at the provider,
--         tenant = jobs a tenant may run at once (0: no cap), weights = {tenant = its share, 1 where it has none},
--         kinds = {kind = {cap = 0 for none, provider = 0 or 1}}}
-- returns {"none"} | {"claimed", tenant, job id, attempt, record as flat fields and values}
local now, keep, worker, lease = clock(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local nonce, policy = key('claim', ARGV[5]), cmsgpack.unpack(ARGV[6])
local ends = int(now + lease)

local function hold(tenant, id, attempt)
  local member = tenant .. '/' .. id
  redis.call('ZADD', key('leases'), ends, member)
  redis.call('HSET', key('job', tenant, id), 'claimed', int(now))
  redis.call('SET', nonce, attempt .. ' ' .. member, 'EX', 60)
  return {'claimed', tenant, id, attempt, redis.call('HGETALL', key('job', tenant, id))}
end

local again = redis.call('GET', nonce)
if again then
  local attempt, tenant, id = string.match(again, '^(%d+) (.-)/(.+)$')
  local current = redis.call('HGET', key('job', tenant, id), 'attempt')
  -- Unless that attempt was lost meanwhile: another worker may have the job.
  if current == attempt and redis.call('ZSCORE', key('leases'), tenant .. '/' .. id) then
    return hold(tenant, id, tonumber(attempt))
  end
end

-- A cancellation that lost its worker goes first: it holds up its caller and takes no provider slot.
local orphan = redis.call('ZPOPMIN', key('orphans'))[1]
if orphan then
  local tenant, id = string.match(orphan, '^(.-)/(.+)$')
  local job = key('job', tenant, id)
  redis.call('HSET', job, 'worker', worker)
  return hold(tenant, id, redis.call('HINCRBY', job, 'attempt', 1))
end

local function start(tenant, id)
  local job = key('job', tenant, id)
  local attempt, batch = redis.call('HINCRBY', job, 'attempt', 1), redis.call('HGET', job, 'batch')
  if batch then move_fraction(tenant, batch, redis.call('HGET', job, 'fraction'), 0) end
  redis.call('HDEL', job, 'fraction', 'stage', 'message', 'position', 'error')
  redis.call('HSETNX', job, 'started', int(now))
  change(tenant, id, keep, now, 'started', {'worker', worker})
  return hold(tenant, id, attempt)
end

-- Then those whose generations run on at the provider: they need a worker that knows their kind, and nothing else.
for _, member in ipairs(redis.call('ZRANGE', key('attached'), 0, 63)) do
  local tenant, id = string.match(member, '^(.-)/(.+)$')
  if policy.kinds[redis.call('HGET', key('job', tenant, id), 'kind')] then
    redis.call('ZREM', key('attached'), member)
    return start(tenant, id)
  end
end

local paused = redis.call('EXISTS', key('paused')) == 1
local function is_paused(scope)
  return paused and redis.call('HEXISTS', key('paused'), scope) == 1
end
if is_paused('everything') then return {'none'} end

local provider_is_full = redis.call('ZCARD', key('provider')) >= policy.provider
local open = {}
for _, kind in ipairs(KINDS) do
  local rule = policy.kinds[kind]  -- none: this worker has no recipe for the kind
  local full = not rule or rule.cap > 0 and redis.call('SCARD', key('running', 'kind', kind)) >= rule.cap
  local barred = full or rule.provider == 1 and provider_is_full or is_paused('kind:' .. kind)
  if not barred then open[#open + 1] = kind end
end
if #open == 0 then return {'none'} end  -- however many tenants wait

local function best_of(class, tenant)
  if is_paused('tenant:' .. tenant) then return nil end
  if policy.tenant > 0 and redis.call('SCARD', key('running', 'tenant', tenant)) >= policy.tenant then return nil end
  local best_id, best_kind, best_rank
  for _, kind in ipairs(open) do
    local head = redis.call('ZRANGE', key('pending', class, tenant, kind), 0, 0, 'WITHSCORES')
    local rank = tonumber(head[2])
    if rank and (not best_rank or rank < best_rank) then best_id, best_kind, best_rank = head[1], kind, rank end
  end
  return best_id, best_kind
end

local function best_in(class)
  for from = 0, 960, 64 do
    local tenants = redis.call('ZRANGE', key('ready', class), from, from + 63)
    for _, tenant in ipairs(tenants) do
      local id, kind = best_of(class, tenant)
      if id then return tenant, id, kind end
    end
    if #tenants < 64 then return nil end
  end
end

-- How long it takes from claim to claim while jobs wait: what an estimate of a wait goes by.
local function keep_pace()
  local last, others, interval = unpack(redis.call('HMGET', key('pace'), 'last', 'others', 'interval'))
  if others == '1' then
    local latest = math.min(now - tonumber(last), 600000)
    interval = interval and 0.9 * tonumber(interval) + 0.1 * latest or latest
    redis.call('HSET', key('pace'), 'interval', tostring(interval))
  end
  local waiting = 0
  for _, count in ipairs(redis.call('HVALS', key('waiting'))) do waiting = waiting + tonumber(count) end
  redis.call('HSET', key('pace'), 'last', int(now), 'others', waiting > 0 and 1 or 0)
end

-- The classes in their order; but of each floor claims one looks first at each lower class in which jobs wait, so
-- nothing starves.
local order, lower = {1, 2, 3}, {}
local claims = tonumber(redis.call('GET', key('claims')) or '0') + 1
local waiting = redis.call('HMGET', key('waiting'), 1, 2, 3)
for class = 1, CLASSES do
  if tonumber(waiting[class] or '0') > 0 then lower[#lower + 1] = class end
end
table.remove(lower, 1)  -- the highest needs no help
for i, class in ipairs(lower) do
  if claims % policy.floor == math.floor(policy.floor / 2) * (i - 1) then
    order = {class, 1, 2, 3}
  end
end
for _, class in ipairs(order) do
  local tenant, id, kind = best_in(class)
  if id then
    local job = key('job', tenant, id)
    -- The clock never goes back: a tenant that its caps held up has earned no credit either.
    local had = tonumber(redis.call('ZSCORE', key('ready', class), tenant))
    local service = math.max(had, tonumber(redis.call('GET', key('clock', class)) or '0'))
    redis.call('SET', key('clock', class), int(service))
    redis.call('ZADD', key('ready', class), int(service + cost_of(policy.weights[tenant])), tenant)
    redis.call('ZREMRANGEBYSCORE', key('service', class), '-inf', int(service))
    redis.call('INCR', key('claims'))
    dequeue(tenant, id, kind, redis.call('HGET', job, 'priority'))
    redis.call('SADD', key('running', 'tenant', tenant), id)
    redis.call('SADD', key('running', 'kind', kind), tenant .. '/' .. id)
    if policy.kinds[kind].provider == 1 then redis.call('ZADD', key('provider'), 0, tenant .. '/' .. id) end
    keep_pace()
    return start(tenant, id)
  end
end
return {'none'}
