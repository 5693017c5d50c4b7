-- Log how far an attempt is and what its model wrote.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] events kept per job   [3] tenant   [4] job id   [5] attempt
--     [6] progress: '' for none, or msgpack {fraction or -1, stage, message, provider position or -1}
--     [7] intent of the generation that the lines are of   [8...] lines of the model's log
-- returns {"ok"} | {"fenced"}
local now, keep, tenant, id, attempt = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local job = key('job', tenant, id)
local current, state, batch, sequence, reached, waited =
  unpack(redis.call('HMGET', job, 'attempt', 'state', 'batch', 'sequence', 'fraction', 'position'))
if current ~= attempt or not redis.call('ZSCORE', key('leases'), tenant .. '/' .. id) then return {'fenced'} end

-- One write for all that the record gets: this script runs more often than all others together.
local number, updates, progress = tonumber(sequence), {}, nil
if ARGV[6] ~= '' and state ~= 'cancelling' then
  local fraction, stage, message, position = unpack(cmsgpack.unpack(ARGV[6]))
  -- Within an attempt the fraction never falls, whatever order reports come in.
  fraction = math.max(fraction, tonumber(reached or '-1'))
  progress = {'progress', fraction, stage, message, position}
  updates = {'stage', stage, 'message', message}
  if fraction >= 0 then
    updates[5], updates[6] = 'fraction', tostring(fraction)
    if batch then move_fraction(tenant, batch, reached, fraction) end
  end
  if position >= 0 then
    updates[#updates + 1], updates[#updates + 2] = 'position', position
  elseif waited then
    redis.call('HDEL', job, 'position')
  end
end
local events = (progress and 1 or 0) + math.max(0, #ARGV - 7)
if events > 0 then redis.call('HSET', job, 'sequence', int(number + events), unpack(updates)) end

if progress then
  number = number + 1
  publish_widely(tenant, id, batch, keep, now, number, append(tenant, id, keep, number, now, progress))
end
for i = 8, #ARGV do
  number = number + 1
  publish(tenant, id, batch, keep, now, number, append(tenant, id, keep, number, now, {'log', ARGV[i]}))
end
-- The next attempt goes on where this one ended: each line is told once.
if #ARGV > 7 then redis.call('HINCRBY', job, 'lines:' .. ARGV[7], #ARGV - 7) end
return {'ok'}
