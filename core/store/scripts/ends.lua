-- How jobs end, and what goes by that: those that wait for them (ADR 18), and estimates. Shared, as prelude.lua is, and
-- after it.

-- Let a held job wait for its start as one that is submitted now; returns how many tickets it needs.
local function let_go(tenant, id, keep, now)
  local kind, priority, created, schedule, wait =
    unpack(redis.call('HMGET', key('job', tenant, id), 'kind', 'priority', 'created', 'schedule', 'wait'))
  local wanted = await_start(tenant, id, kind, priority, created, schedule, wait, now)
  change(tenant, id, keep, now, 'pending', {})
  return wanted
end

-- Those of awaited jobs that have not ended, the first that does not exist, and the first for which too many wait.
-- added: how many of this call wait for which, counted on.
local MOST_DEPENDENTS = 1000  -- so many are let go in one script
local function open_among(tenant, ids, added)
  local open, missing, crowded = {}, nil, nil
  for _, id in ipairs(ids) do
    local state = redis.call('HGET', key('job', tenant, id), 'state')
    if not state then
      missing = missing or id
    elseif not is_terminal(state) then
      added[id] = (added[id] or 0) + 1
      if redis.call('SCARD', key('dependents', tenant, id)) + added[id] > MOST_DEPENDENTS then crowded = crowded or id end
      open[#open + 1] = id
    end
  end
  return open, missing, crowded
end

-- Enter a job with those that it waits for. There are no cycles: each was accepted before the job that awaits it.
local function enter_dependent(tenant, id, open)
  for _, other in ipairs(open) do redis.call('SADD', key('dependents', tenant, other), id) end
  redis.call('HSET', key('job', tenant, id), 'awaits', #open)
end

-- Let a held job wait for no other any more.
local function leave_awaited(tenant, id)
  local job = key('job', tenant, id)
  local left, awaited = unpack(redis.call('HMGET', job, 'awaits', 'awaited'))
  if not left then return end
  for _, other in ipairs(cmsgpack.unpack(awaited)) do redis.call('SREM', key('dependents', tenant, other), id) end
  redis.call('HDEL', job, 'awaits', 'hold')
end

-- A job has ended: count that for those that wait for it, and let those go that wait for nothing else; returns how
-- many tickets they need. One whose caller holds it as well stays held.
local function release_dependents(tenant, id, keep, now)
  local dependents, wanted = key('dependents', tenant, id), 0
  for _, dependent in ipairs(redis.call('SMEMBERS', dependents)) do
    local job = key('job', tenant, dependent)
    if redis.call('HINCRBY', job, 'awaits', -1) <= 0 then
      redis.call('HDEL', job, 'awaits')
      if redis.call('HDEL', job, 'hold') == 0 then wanted = wanted + let_go(tenant, dependent, keep, now) end
    end
  end
  redis.call('DEL', dependents)
  return wanted
end

-- Keep how long something took, for estimates (core/store/durations.py); sort: job or generation.
local DURATIONS_KEPT = 20
local function keep_duration(sort, name, duration)
  local usual = key('usual', sort, name)
  local known = redis.call('GET', usual)
  local last = known and cmsgpack.unpack(known) or {}
  table.insert(last, 1, duration)
  last[DURATIONS_KEPT + 1] = nil
  redis.call('SET', usual, cmsgpack.pack(last), 'EX', 30 * 86400)
end

-- Bring a job to a final state: every end of a job comes by here. result, failure: '' for none.
-- Returns how many tickets those need that waited for its end.
local function conclude(tenant, id, keep, now, to, result, failure)
  local job = key('job', tenant, id)
  local retention, kind, model, started, salvage =
    unpack(redis.call('HMGET', job, 'retention', 'kind', 'model', 'started', 'salvage'))
  local expires = int(now + tonumber(retention))
  redis.call('ZADD', key('expiry'), expires, tenant .. '/' .. id)
  local updates = {'ended', int(now), 'expires', expires}
  if salvage then redis.call('HDEL', job, 'salvage') end
  -- A job that failed shows what was paid for and can be used.
  if result == '' and salvage and to == 'failed' then result = salvage end
  if result ~= '' then
    updates[#updates + 1] = 'result'
    updates[#updates + 1] = result
  end
  if failure ~= '' then
    updates[#updates + 1] = 'error'
    updates[#updates + 1] = failure
  end
  if to == 'succeeded' then keep_duration('job', kind .. ':' .. (model or ''), now - tonumber(started or now)) end
  change(tenant, id, keep, now, to, updates)
  return release_dependents(tenant, id, keep, now)
end
