-- Accept jobs, all or none, together with their tickets.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] events kept per job   [3] ticket template   [4] most tickets that wait
--     [5] tenant   [6] request id, '' for none   [7] digest of the request
--     [8] batch id, '' for none   [9] batch record: msgpack, flat fields and values
--     [10...] a job each: msgpack {id, kind, state, priority, owner, labels, spec, record as flat fields and values}
-- returns {"accepted", now} | {"duplicate", job or batch id} | {"reused", job or batch id}
local now, keep, template, cap = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local tenant, request, digest, batch = ARGV[5], ARGV[6], ARGV[7], ARGV[8]

if request ~= '' then
  local known = redis.call('GET', key('request', tenant, request))
  if known then
    local known_digest, known_id = string.match(known, '^(%S*) (%S+)$')
    return {known_digest == digest and 'duplicate' or 'reused', known_id}
  end
end

local first = cmsgpack.unpack(ARGV[10])
-- The client library repeats a call whose answer was lost: the same ids mean the same submission.
if redis.call('EXISTS', key('job', tenant, first[1])) == 1 then return {'accepted', now} end

if request ~= '' then
  redis.call('SET', key('request', tenant, request), digest .. ' ' .. (batch ~= '' and batch or first[1]))
end
local counts, pending = {}, 0
for i = 10, #ARGV do
  local id, kind, state, priority, owner, labels, spec, record = unpack(cmsgpack.unpack(ARGV[i]))
  local job = key('job', tenant, id)
  record[#record + 1] = 'created'
  record[#record + 1] = int(now)
  redis.call('HSET', job, 'spec', spec, unpack(record))
  for _, index in ipairs(indexes(tenant, kind, state, owner, batch, labels)) do
    redis.call('ZADD', index, 0, id)
  end
  counts[state] = (counts[state] or 0) + 1
  if state == 'pending' then
    enqueue(tenant, id, kind, priority, now)
    pending = pending + 1
  end
  append(tenant, id, keep, 1, now, {'state', '', state, record})
end
if batch ~= '' then
  local hash = key('batch', tenant, batch)
  redis.call('HSET', hash, 'created', int(now), unpack(cmsgpack.unpack(ARGV[9])))
  for state, count in pairs(counts) do redis.call('HSET', hash, 'n:' .. state, count) end
end
push_tickets(pending, template, cap, now)
return {'accepted', now}
