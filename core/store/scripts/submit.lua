-- Accept jobs, all or none, together with their tickets.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] awaited jobs: '' for none, or msgpack {{place of a job among those below,
--     from 1, {id, ...}}, ...}   [3] ticket template   [4] most tickets that wait
--     [5] tenant   [6] request id, '' for none   [7] digest of the request
--     [8] batch id, '' for none   [9] batch record: msgpack, flat fields and values
--     [10...] a job each: msgpack {id, kind, state, priority, owner, labels, spec, record as flat fields and values,
--     not to be started before (ms, 0: at once), longest wait for its start (ms, 0: none)}
-- returns {"accepted", now, {for each entry of [2] how many of its jobs have not ended}}
--     | {"duplicate", job or batch id} | {"reused", job or batch id}
--     | {"missing", place, awaited id} | {"crowded", place, awaited id} (too many jobs wait for it)
local now, template, cap = clock(ARGV[1]), ARGV[3], ARGV[4]
local tenant, request, digest, batch = ARGV[5], ARGV[6], ARGV[7], ARGV[8]

local first_job = cmsgpack.unpack(ARGV[10])
local first = first_job[1]
local made = batch ~= '' and batch or first

if request ~= '' then
  local known = redis.call('GET', key('request', tenant, request))
  if known then
    local known_digest, known_id = string.match(known, '^(%S*) (%S+)$')
    if known_id ~= made then return {known_digest == digest and 'duplicate' or 'reused', known_id} end
  end
end
-- The client library repeats a call whose answer was lost: the same ids mean the same submission.
local created = redis.call('HGET', key('job', tenant, first), 'created')
local awaiting, lefts, added = ARGV[2] ~= '' and cmsgpack.unpack(ARGV[2]) or {}, {}, {}
if created then
  for _, entry in ipairs(awaiting) do
    local id = cmsgpack.unpack(ARGV[9 + entry[1]])[1]
    lefts[#lefts + 1] = tonumber(redis.call('HGET', key('job', tenant, id), 'awaits') or '0')
  end
  return {'accepted', tonumber(created), lefts}
end

-- Whatever is refused is refused before anything is written. An awaited job that ends in the next moment finds its
-- dependents entered: nothing comes between.
local awaited_at = {}
for _, entry in ipairs(awaiting) do
  local place, ids = entry[1], entry[2]
  local open, missing, crowded = open_among(tenant, ids, added)
  if missing then return {'missing', place, missing} end
  if crowded then return {'crowded', place, crowded} end
  awaited_at[place] = {ids = ids, open = open}
  lefts[#lefts + 1] = #open
end

if request ~= '' then redis.call('SET', key('request', tenant, request), digest .. ' ' .. made) end

-- Sorted sets that many jobs of a batch go into are written once for all of them. Scores, and the numbers of a record,
-- are strings: redis.call would print each number with 17 digits.
local indexed, counts, places, accepted, pending, time = {}, {}, {}, {}, 0, int(now)
for i = 10, #ARGV do
  local id, kind, state, priority, owner, labels, spec, record, schedule, wait =
    unpack(i == 10 and first_job or cmsgpack.unpack(ARGV[i]))
  local job, awaited = key('job', tenant, id), awaited_at[i - 9]
  redis.call('HSET', job, 'spec', spec, 'created', time, unpack(record))
  if awaited then redis.call('HSET', job, 'awaited', cmsgpack.pack(awaited.ids)) end
  if awaited and #awaited.open > 0 then
    enter_dependent(tenant, id, awaited.open)
    if state == 'held' then redis.call('HSET', job, 'hold', 1) else redis.call('HSET', job, 'state', 'held') end
    state = 'held'
  end
  -- Sequence 1 is the acceptance itself. It needs no line in the job's log: a watch begins with a snapshot, never before
  -- it. Those who watch many jobs are told.
  accepted[#accepted + 1] = id
  accepted[#accepted + 1] = state
  for _, index in ipairs(indexes(tenant, kind, state, owner, batch, labels)) do
    local entries = indexed[index]
    if entries then
      entries[#entries + 1] = '0'
      entries[#entries + 1] = id
    else
      indexed[index] = {'0', id}
    end
  end
  counts[state] = (counts[state] or 0) + 1
  if state == 'pending' and (schedule > now or wait > 0) then
    pending = pending + await_start(tenant, id, kind, priority, now, schedule, wait > 0 and wait or nil, now)
  elseif state == 'pending' then
    local class = class_of(priority)
    local line = places[class .. kind]
    if not line then
      line = {kind = kind, class = class}
      places[class .. kind] = line
    end
    line[#line + 1] = rank_of(priority, now)
    line[#line + 1] = id
    pending = pending + 1
  end
end
for index, entries in pairs(indexed) do call_in_chunks('ZADD', index, entries) end
for _, line in pairs(places) do enqueue_all(tenant, line.kind, line.class, line) end
if batch ~= '' then
  local hash = key('batch', tenant, batch)
  redis.call('HSET', hash, 'created', int(now), unpack(cmsgpack.unpack(ARGV[9])))
  for state, count in pairs(counts) do redis.call('HSET', hash, 'n:' .. state, count) end
end
tell_acceptances(tenant, accepted, now)
push_tickets(pending, template, cap, now)
return {'accepted', now, lefts}
