-- Ask for the cancellation of a job: a waiting one ends at once, a running one is told to its worker.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] events kept per job   [3] tenant   [4] job id
--     [5] states that end at once, comma-separated   [6] states that go by way of cancelling, comma-separated
-- returns {"ok"} | {"finished"} | {"missing"}
local now, keep, tenant, id = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local job = key('job', tenant, id)
local state, kind, priority = unpack(redis.call('HMGET', job, 'state', 'kind', 'priority'))
if not state then return {'missing'} end
if state == 'cancelled' or state == 'cancelling' then return {'ok'} end
if listed(ARGV[5], state) then
  dequeue(tenant, id, kind, priority)
  redis.call('HDEL', job, 'next')
  change(tenant, id, keep, now, 'cancelled', finish_fields(tenant, id, now))
elseif listed(ARGV[6], state) then
  change(tenant, id, keep, now, 'cancelling', {})
  redis.call('PUBLISH', key('control'), tenant .. '/' .. id)
else
  return {'finished'}
end
return {'ok'}
