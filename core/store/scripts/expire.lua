-- Forget jobs whose retention has passed, with everything that points at them.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] most jobs forgotten in one call
-- returns how many were forgotten
local now = clock(ARGV[1])

-- A request id goes with what it made; inside a batch a job's own request id made nothing.
local function forget_request(tenant, request, id)
  local name = key('request', tenant, request)
  local known = redis.call('GET', name)
  if known and string.match(known, '^%S* (%S+)$') == id then redis.call('DEL', name) end
end

local due = redis.call('ZRANGEBYSCORE', key('expiry'), '-inf', int(now), 'LIMIT', 0, tonumber(ARGV[2]))
for _, member in ipairs(due) do
  local tenant, id = string.match(member, '^(.-)/(.+)$')
  local job = key('job', tenant, id)
  local kind, state, owner, batch, labels, request =
    unpack(redis.call('HMGET', job, 'kind', 'state', 'owner', 'batch', 'labels', 'request'))
  redis.call('ZREM', key('expiry'), member)
  if state and is_terminal(state) then
    labels = labels and cmsgpack.unpack(labels) or {}
    for _, index in ipairs(indexes(tenant, kind, state, owner, batch, labels)) do redis.call('ZREM', index, id) end
    redis.call('DEL', job, key('out', tenant, id), key('log', tenant, id))
    if request then forget_request(tenant, request, id) end
    if batch then
      local hash = key('batch', tenant, batch)
      -- The batch goes with the last of its jobs.
      if redis.call('HINCRBY', hash, 'left', -1) <= 0 then
        forget_request(tenant, redis.call('HGET', hash, 'request') or '', batch)
        redis.call('DEL', hash)
      end
    end
  end
end
return #due
