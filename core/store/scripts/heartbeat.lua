-- Renew the leases of a worker's attempts.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] lease, ms   [3...] an attempt each: msgpack {tenant, job id, attempt}
-- returns a verdict each, in order: "held" | "cancelling" | "lost"
local ends = int(clock(ARGV[1]) + tonumber(ARGV[2]))
local verdicts = {}
for i = 3, #ARGV do
  local tenant, id, attempt = unpack(cmsgpack.unpack(ARGV[i]))
  local state, current = unpack(redis.call('HMGET', key('job', tenant, id), 'state', 'attempt'))
  local member = tenant .. '/' .. id
  if tonumber(current) ~= attempt or not redis.call('ZSCORE', key('leases'), member) then
    verdicts[#verdicts + 1] = 'lost'
  else
    redis.call('ZADD', key('leases'), ends, member)
    verdicts[#verdicts + 1] = state == 'cancelling' and 'cancelling' or 'held'
  end
end
return verdicts
