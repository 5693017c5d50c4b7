-- Create or replace a template.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] tenant   [3] template id   [4] display name   [5] spec
--     [6] "create", or "update"   [7] the revision to replace, 0: any   [8] most templates of a tenant
-- returns {"ok"} | {"exists"} | {"missing"} | {"changed", revision} | {"full"}
local now, tenant, id, name, spec, verb = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local expected, most = tonumber(ARGV[7]), tonumber(ARGV[8])
local record, index = key('template', tenant, id), key('templates', tenant)
local revision = tonumber(redis.call('HGET', record, 'revision') or '0')
if verb == 'create' then
  -- A repeated call whose answer was lost finds what it has made.
  if revision > 0 then
    local same = redis.call('HGET', record, 'name') == name and redis.call('HGET', record, 'spec') == spec
    return {same and revision == 1 and 'ok' or 'exists'}
  end
  if redis.call('ZCARD', index) >= most then return {'full'} end
  redis.call('ZADD', index, 0, id)
  redis.call('HSET', record, 'created', int(now))
else
  if revision == 0 then return {'missing'} end
  if expected > 0 and expected ~= revision then return {'changed', revision} end
end
redis.call('HSET', record, 'name', name, 'spec', spec, 'updated', int(now), 'revision', int(revision + 1))
return {'ok'}
