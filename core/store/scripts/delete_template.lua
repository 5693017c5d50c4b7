-- Forget a template.
--
-- KEYS[1] prefix
-- ARGV[1] tenant   [2] template id
-- returns {"ok"} | {"missing"}
local tenant, id = ARGV[1], ARGV[2]
redis.call('ZREM', key('templates', tenant), id)
return {redis.call('DEL', key('template', tenant, id)) == 1 and 'ok' or 'missing'}
