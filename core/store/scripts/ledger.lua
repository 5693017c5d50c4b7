-- Write a row of the paid-call ledger.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] events kept per job   [3] tenant   [4] job id   [5] attempt
--     [6] step   [7] the row: msgpack map with at least state and intent
--     [8] states the row may have now, comma-separated; "absent" for no row
--     [9] output of the generation, '' for none
--     [10] state the job goes to, '' for none   [11] states it may go there from, comma-separated
-- returns {"ok"} | {"fenced"} | {"salvaged"} | {"conflict", the row as it is}
local now, keep, tenant, id, attempt = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local step, row, allowed, output, to, sources = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local job, field = key('job', tenant, id), 'gen:' .. step
local current, state, before = unpack(redis.call('HMGET', job, 'attempt', 'state', field))
local known, new = before and cmsgpack.unpack(before) or {state = 'absent'}, cmsgpack.unpack(row)

-- Keep count of the generations that the provider has accepted and not ended.
local function write()
  redis.call('HSET', job, field, row)
  local step_of_open = (new.state == 'submitted' and 1 or 0) - (known.state == 'submitted' and 1 or 0)
  if step_of_open ~= 0 then redis.call('HINCRBY', job, 'open', step_of_open) end
end

if current ~= attempt or not redis.call('ZSCORE', key('leases'), tenant .. '/' .. id) then
  -- The provider's id of a paid generation must not be lost with the lease: it may still be added to the intention
  -- that it answers, for whoever holds the job now.
  if new.state == 'submitted' and new.intent == known.intent
    and (known.state == 'intended' or known.state == 'unknown') then
    write()
    return {'salvaged'}
  end
  return {'fenced'}
end

-- The client library repeats a call whose answer was lost: the same row again is the same write.
if before ~= row then
  if not listed(allowed, known.state) then return {'conflict', before or ''} end
  write()
  if output ~= '' then redis.call('HSET', key('out', tenant, id), step, output) end
  if new.state == 'completed' and new.ended then
    keep_duration('generation', new.endpoint, math.max(0, new.ended - new.submitted))
  end
end
if to ~= '' and state ~= to and listed(sources, state) then change(tenant, id, keep, now, to, {}) end
return {'ok'}
