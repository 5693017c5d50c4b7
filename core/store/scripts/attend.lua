-- Have what happens to the jobs of a batch, or of a tenant, logged and published for a while.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] tenant   [3] batch id, '' for all jobs of the tenant   [4] for how long, ms
-- returns 1 | 0 (there is no such batch)
local now, tenant, batch = clock(ARGV[1]), ARGV[2], ARGV[3]
local record = batch == '' and key('tenant', tenant) or key('batch', tenant, batch)
if batch ~= '' and redis.call('EXISTS', record) == 0 then return 0 end
if not is_attended(record, now) then
  -- What has happened since the last time is in no log. Who was here then must not take his place for the newest one.
  redis.call('HINCRBY', record, 'sequence', 1)
  redis.call('DEL', batch == '' and key('tenantlog', tenant) or key('batchlog', tenant, batch))
end
redis.call('HSET', record, 'attended', int(now + tonumber(ARGV[4])))
return 1
