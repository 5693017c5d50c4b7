-- Ask for the cancellation of jobs: waiting ones end at once, running ones are told to their workers.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] events kept per job   [3] tenant
--     [4] states that end at once, comma-separated   [5] states that go by way of cancelling, comma-separated
--     [6...] job ids
-- returns a verdict each, in order: "ok" | "already" (it is being or was cancelled) | "finished" | "missing"
local now, keep, tenant, at_once, by_way = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local verdicts = {}

local function cancel(id)
  local job = key('job', tenant, id)
  local state, kind, priority = unpack(redis.call('HMGET', job, 'state', 'kind', 'priority'))
  if not state then return 'missing' end
  if state == 'cancelled' or state == 'cancelling' then return 'already' end
  if listed(at_once, state) then
    dequeue(tenant, id, kind, priority)
    change(tenant, id, keep, now, 'cancelled', finish_fields(tenant, id, now))
  elseif listed(by_way, state) then
    change(tenant, id, keep, now, 'cancelling', {})
    redis.call('PUBLISH', key('control'), tenant .. '/' .. id)
  else
    return 'finished'
  end
  return 'ok'
end

for i = 6, #ARGV do verdicts[#verdicts + 1] = cancel(ARGV[i]) end
return verdicts
