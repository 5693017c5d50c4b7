-- Forget a finished job before its time.
--
-- KEYS[1] prefix
-- ARGV[1] tenant   [2] job id
-- returns {"ok"} | {"missing"} | {"unfinished"}
local tenant, id = ARGV[1], ARGV[2]
local state = redis.call('HGET', key('job', tenant, id), 'state')
if not state then return {'missing'} end
if not is_terminal(state) then return {'unfinished'} end
forget(tenant, id)
return {'ok'}
