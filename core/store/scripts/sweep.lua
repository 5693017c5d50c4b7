-- Mend what time has broken or brought about: lost leases, due starts, missed deadlines, missing tickets, dead Dramatiq
-- processes.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] events kept per job   [3] ticket template   [4] most tickets that wait
--     [5] the error of a job whose worker died in each of its attempts: msgpack   [6] most jobs mended in one call
--     [7] silence after which a Dramatiq process counts as dead, ms   [8] the error of a missed start deadline: msgpack
-- returns flat pairs: verdict ("returned" | "failed" | "orphaned" | "promoted" | "missed"), "T/J", ...
local now, keep, template, cap = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local failure, limit = ARGV[5], tonumber(ARGV[6])
local mended, wanted = {}, 0

local function note(verdict, member)
  mended[#mended + 1] = verdict
  mended[#mended + 1] = member
end

for _, member in ipairs(redis.call('ZRANGEBYSCORE', key('leases'), '-inf', int(now), 'LIMIT', 0, limit)) do
  local tenant, id = string.match(member, '^(.-)/(.+)$')
  local job = key('job', tenant, id)
  local state, kind, priority, created, attempt, interruptions, forgiven, most = unpack(redis.call('HMGET', job,
    'state', 'kind', 'priority', 'created', 'attempt', 'interruptions', 'forgiven', 'max_attempts'))
  redis.call('ZREM', key('leases'), member)
  if state then
    close_attempt(tenant, id, now, 'lost', '')
    if state == 'cancelling' then
      orphan(tenant, id, kind)
      wanted = wanted + 1
      note('orphaned', member)
    elseif tonumber(attempt) - tonumber(interruptions or '0') - tonumber(forgiven or '0') >= tonumber(most) then
      release(tenant, id, kind)
      wanted = wanted + conclude(tenant, id, keep, now, 'failed', '', failure)
      note('failed', member)
    else
      give_back(tenant, id, kind, priority, created)
      change(tenant, id, keep, now, 'pending', {})
      wanted = wanted + 1
      note('returned', member)
    end
  end
end

for _, member in ipairs(redis.call('ZRANGEBYSCORE', key('delayed'), '-inf', int(now), 'LIMIT', 0, limit)) do
  local tenant, id = string.match(member, '^(.-)/(.+)$')
  local state, kind, priority, created =
    unpack(redis.call('HMGET', key('job', tenant, id), 'state', 'kind', 'priority', 'created'))
  redis.call('ZREM', key('delayed'), member)
  if state == 'pending' then
    give_back(tenant, id, kind, priority, created)
    wanted = wanted + 1
    note('promoted', member)
  end
end

for _, member in ipairs(redis.call('ZRANGEBYSCORE', key('deadlines'), '-inf', int(now), 'LIMIT', 0, limit)) do
  local tenant, id = string.match(member, '^(.-)/(.+)$')
  local state, kind, priority = unpack(redis.call('HMGET', key('job', tenant, id), 'state', 'kind', 'priority'))
  redis.call('ZREM', key('deadlines'), member)
  if state == 'pending' then
    dequeue(tenant, id, kind, priority)
    wanted = wanted + conclude(tenant, id, keep, now, 'failed', '', ARGV[8])
    note('missed', member)
  end
end

-- Jobs wait, but no ticket does: tickets were lost, or were spent while a cap held the jobs back. Once a second for
-- all workers together: while the cap holds, each ticket is a claim in vain.
if wanted == 0 and redis.call('LLEN', key('dramatiq', 'segue')) == 0
  and redis.call('SET', key('topped-up'), 1, 'NX', 'PX', 900) then
  local waiting = redis.call('ZCARD', key('orphans')) + redis.call('ZCARD', key('attached'))
  for class = 1, CLASSES do waiting = waiting + redis.call('ZCARD', key('ready', class)) end
  if waiting > 0 then wanted = limit end
end
if wanted > 0 then push_tickets(wanted, template, cap, now) end

-- Tickets held by a dead process need no rescue; its traces go, so that Dramatiq's maintenance (KEYS) is not needed.
local dead = redis.call('ZRANGEBYSCORE', key('dramatiq', '__heartbeats__'), '-inf', int(now - tonumber(ARGV[7])))
for _, process in ipairs(dead) do
  local acks = key('dramatiq', '__acks__.' .. process .. '.segue')
  local held = redis.call('SMEMBERS', acks)
  for i = 1, #held, 1000 do
    redis.call('HDEL', key('dramatiq', 'segue.msgs'), unpack(held, i, math.min(i + 999, #held)))
  end
  redis.call('DEL', acks)
  redis.call('ZREM', key('dramatiq', '__heartbeats__'), process)
end
return mended
