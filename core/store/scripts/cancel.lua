-- Ask for the cancellation of jobs: waiting ones end at once, running ones are told to their workers; one that waits
-- while its generation runs at the provider is given to any worker, to tell the provider.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] events kept per job   [3] ticket template   [4] most tickets that wait
--     [5] tenant   [6] states that end at once, comma-separated   [7] states that go by way of cancelling,
--     comma-separated   [8...] job ids
-- returns a verdict each, in order: "ok" | "already" (it is being or was cancelled) | "finished" | "missing"
local now, keep, template, cap, tenant = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local at_once, by_way = ARGV[6], ARGV[7]
local verdicts, wanted = {}, 0

local function cancel(id)
  local job = key('job', tenant, id)
  local state, kind, priority, open = unpack(redis.call('HMGET', job, 'state', 'kind', 'priority', 'open'))
  if not state then return 'missing' end
  if state == 'cancelled' or state == 'cancelling' then return 'already' end
  local waits = listed(at_once, state)
  if waits and (tonumber(open or '0') > 0 or free_slots(tenant, id, true) > 0) then
    dequeue(tenant, id, kind, priority)
    orphan(tenant, id, kind)
    change(tenant, id, keep, now, 'cancelling', {})
    wanted = wanted + 1
  elseif waits then
    dequeue(tenant, id, kind, priority)
    if state == 'held' then leave_awaited(tenant, id) end
    wanted = wanted + conclude(tenant, id, keep, now, 'cancelled', '', '')
  elseif listed(by_way, state) then
    change(tenant, id, keep, now, 'cancelling', {})
    redis.call('PUBLISH', key('control'), tenant .. '/' .. id)
  else
    return 'finished'
  end
  return 'ok'
end

for i = 8, #ARGV do verdicts[#verdicts + 1] = cancel(ARGV[i]) end
push_tickets(wanted, template, cap, now)
return verdicts
