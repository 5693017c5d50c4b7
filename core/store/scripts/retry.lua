-- Give failed and cancelled jobs another round of attempts; their ledgers stay, so what was paid is used again.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] events kept per job   [3] ticket template   [4] most tickets that wait
--     [5] tenant   [6] request id, '' for none (with one job only)   [7] digest of the request
--     [8] states that can be left, comma-separated   [9] "resubmit" where unknown submits shall be made anew, or ''
--     [10...] job ids
-- returns a verdict each, in order: "ok" | "missing" | "refused" (it has not failed) | "duplicate" | "reused"
--     | "crowded" (it awaits a job for which too many wait)
local now, keep, template, cap, tenant = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local request, digest, sources, unknown = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local verdicts, wanted = {}, 0

if request ~= '' then
  local known = redis.call('GET', key('request', tenant, request))
  if known then return {known == digest .. ' ' .. ARGV[10] and 'duplicate' or 'reused'} end
end
local function retry(id)
  local job = key('job', tenant, id)
  local state, kind, priority, created, schedule, attempt, interruptions, forgiven, awaited = unpack(redis.call('HMGET',
    job, 'state', 'kind', 'priority', 'created', 'schedule', 'attempt', 'interruptions', 'forgiven', 'awaited'))
  local tries = tonumber(attempt or '0') - tonumber(interruptions or '0')
  if not state then return 'missing' end
  -- By an earlier call, perhaps one whose answer was lost; it has not started since.
  if (state == 'pending' or state == 'held') and tonumber(forgiven) == tries then return 'ok' end
  if not listed(sources, state) then return 'refused' end
  -- Jobs that it awaits may have been retried too. Those that are gone are for its recipe to tell.
  local open, _, crowded = open_among(tenant, awaited and cmsgpack.unpack(awaited) or {}, {})
  if crowded then return 'crowded' end

  redis.call('ZREM', key('expiry'), tenant .. '/' .. id)
  -- How long it may wait does not hold any longer: its caller has asked for it again. Its schedule does.
  redis.call('HDEL', job, 'ended', 'expires', 'started', 'error', 'result', 'fraction', 'stage', 'message', 'wait')
  -- What was tried before counts no more; the time limit begins anew with the next start.
  redis.call('HSET', job, 'forgiven', tries)
  redis.call('HINCRBY', job, 'rounds', 1)
  if unknown ~= '' then redis.call('HSET', job, 'unknown', unknown) end
  if request ~= '' then
    redis.call('SET', key('request', tenant, request), digest .. ' ' .. id)
    local retries = redis.call('HGET', job, 'retries')
    retries = retries and cmsgpack.unpack(retries) or {}
    retries[#retries + 1] = request
    redis.call('HSET', job, 'retries', cmsgpack.pack(retries))
  end
  if #open > 0 then
    enter_dependent(tenant, id, open)
    change(tenant, id, keep, now, 'held', {})
  else
    wanted = wanted + await_start(tenant, id, kind, priority, created, schedule, nil, now)
    change(tenant, id, keep, now, 'pending', {})
  end
  return 'ok'
end

for i = 10, #ARGV do verdicts[#verdicts + 1] = retry(ARGV[i]) end
push_tickets(wanted, template, cap, now)
return verdicts
