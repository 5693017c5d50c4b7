-- Forget jobs whose retention has passed, with everything that points at them.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] most jobs forgotten in one call
-- returns how many were forgotten
local now = clock(ARGV[1])
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
    if request and request ~= '' then redis.call('DEL', key('request', tenant, request)) end
    if batch then
      local hash = key('batch', tenant, batch)
      -- The batch goes with the last of its jobs.
      if redis.call('HINCRBY', hash, 'left', -1) <= 0 then
        local batch_request = redis.call('HGET', hash, 'request')
        if batch_request and batch_request ~= '' then redis.call('DEL', key('request', tenant, batch_request)) end
        redis.call('DEL', hash)
      end
    end
  end
end
return #due
