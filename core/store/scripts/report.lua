-- Log how far an attempt is and what its model wrote.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] events kept per job   [3] tenant   [4] job id   [5] attempt
--     [6] progress: '' for none, or msgpack {fraction or -1, stage, message, provider position or -1}
--     [7] intent of the generation that the lines are of   [8...] lines of the model's log
-- returns {"ok"} | {"fenced"}
local now, keep, tenant, id, attempt = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local job = key('job', tenant, id)
local current, before, state, batch = unpack(redis.call('HMGET', job, 'attempt', 'fraction', 'state', 'batch'))
if current ~= attempt or not redis.call('ZSCORE', key('leases'), tenant .. '/' .. id) then return {'fenced'} end

if ARGV[6] ~= '' and state ~= 'cancelling' then
  local fraction, stage, message, position = unpack(cmsgpack.unpack(ARGV[6]))
  -- Within an attempt the fraction never falls, whatever order reports come in.
  fraction = math.max(fraction, tonumber(before or '-1'))
  redis.call('HSET', job, 'stage', stage, 'message', message)
  if fraction >= 0 then set_fraction(job, batch and key('batch', tenant, batch), tostring(fraction)) end
  if position >= 0 then redis.call('HSET', job, 'position', position) else redis.call('HDEL', job, 'position') end
  emit(tenant, id, batch, keep, now, {'progress', fraction, stage, message, position})
end
for i = 8, #ARGV do emit(tenant, id, batch, keep, now, {'log', ARGV[i]}) end
-- The next attempt goes on where this one ended: each line is told once.
if #ARGV > 7 then redis.call('HINCRBY', job, 'lines:' .. ARGV[7], #ARGV - 7) end
return {'ok'}
