-- End an attempt.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] events kept per job   [3] ticket template   [4] most tickets that wait
--     [5] tenant   [6] job id   [7] attempt
--     [8] outcome: succeeded | failed | cancelled | retry (after a delay) | interrupted (back to its place, free)
--     [9] states it may leave, comma-separated   [10] result, or what was salvaged, '' for none
--     [11] error: msgpack, '' for none   [12] delay before the next attempt, ms
-- A job whose cancellation was asked for meanwhile ends as cancelled, whatever the outcome; what it made stays in the
-- ledger. One that failed without a result carries what its recipe has salvaged.
-- returns {"ok", state} | {"fenced"}
local now, keep, template, cap = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local tenant, id, attempt, outcome, sources = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local result, failure, delay = ARGV[10], ARGV[11], tonumber(ARGV[12])
local job = key('job', tenant, id)
local current, state, kind, priority, created, open =
  unpack(redis.call('HMGET', job, 'attempt', 'state', 'kind', 'priority', 'created', 'open'))
local follows = outcome == 'retry' or outcome == 'interrupted'
if current ~= attempt then return {'fenced'} end
if not redis.call('ZSCORE', key('leases'), tenant .. '/' .. id) then
  -- The client library repeats a call whose answer was lost: then the job stands where this outcome has put it.
  local goal = follows and 'pending' or outcome
  local left = state == 'cancelling' and follows
  if state == goal or state == 'cancelled' or left then return {'ok', state} end
  return {'fenced'}
end

if state == 'cancelling' and (outcome == 'interrupted' or outcome == 'retry' and tonumber(open or '0') > 0) then
  -- The worker goes, or has not heard of it; the cancellation stays to be done: a worker takes it.
  orphan(tenant, id, kind)
  close_attempt(tenant, id, now, outcome == 'retry' and 'retried' or outcome, failure)
  push_tickets(1, template, cap, now)
  return {'ok', state}
end
if state == 'cancelling' then
  if outcome ~= 'cancelled' then outcome, result, failure = 'cancelled', '', '' end
elseif not listed(sources, state) then
  return {'fenced'}
end

if outcome == 'retry' then
  detach(tenant, id, kind)
elseif outcome ~= 'interrupted' then
  release(tenant, id, kind)
end
close_attempt(tenant, id, now, outcome == 'retry' and 'retried' or outcome, failure)
-- An attempt that another follows leaves its job what it has salvaged.
if result ~= '' and follows then redis.call('HSET', job, 'salvage', result) end
local wanted, updates = 0, failure ~= '' and {'error', failure} or {}
if outcome == 'interrupted' then
  redis.call('HINCRBY', job, 'interruptions', 1)
  give_back(tenant, id, kind, priority, created)
  change(tenant, id, keep, now, 'pending', updates)
  wanted = 1
elseif outcome == 'retry' then
  updates[#updates + 1] = 'next'
  updates[#updates + 1] = int(now + delay)
  redis.call('ZADD', key('delayed'), int(now + delay), tenant .. '/' .. id)
  change(tenant, id, keep, now, 'pending', updates)
else
  wanted = conclude(tenant, id, keep, now, outcome, result, failure)
end
push_tickets(wanted, template, cap, now)
return {'ok', redis.call('HGET', job, 'state')}
