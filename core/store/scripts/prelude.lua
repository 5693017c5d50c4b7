-- What the scripts share; put before each of them when it is loaded.
--
-- The keyspace. $ is KEYS[1], the prefix with the hash tag that keeps all of it in one slot, so a script may
-- compute keys. T is a tenant, J a job id, B a batch id, C a priority class (1 first), K a kind.
--
--   $:job:T:J            hash   the record; the ledger's rows are its fields gen:<step>, the attempts that have ended
--                               its fields try:<number> (both msgpack)
--   $:out:T:J            hash   step -> the output of a completed generation (JSON)
--   $:log:T:J            stream the events, ids <sequence>-0, field e (msgpack)
--   $:events:T:J         channel each event as it is logged
--   $:control            channel "T/J" of jobs whose cancellation was asked for
--   $:template:T:N       hash   a saved spec under the name N; $:templates:T is a zset of the names, all scores 0
--   $:request:T:R        string "<digest> <job or batch id>" of request id R
--   $:batch:T:B          hash   the batch; n:<state> counts its jobs; attended: until when its log is written, ms
--   $:batchlog:T:B       stream which event of which job came when, ids <sequence of the batch>-0, field e (msgpack)
--   $:batchevents:T:B    channel each of them as it is logged, with the event itself behind it
--   $:tenant:T           hash   attended: until when its log is written, ms; sequence: how many changes of state and
--                               reports of progress its jobs have had while it was
--   $:tenantlog:T        stream which of which job came when, ids <that sequence>-0, field e (msgpack); the newest ones
--   $:tenantevents:T     channel each of them as it is logged, with the event itself behind it; of acceptances nothing but
--                               that there are some
--   $:index:T:...        zset   job ids, all scores 0: ordered by id, which is by time of creation
--   $:pending:C:T:K      zset   job id -> rank: priority, then time of creation
--   $:ready:C            zset   tenant -> service it had, for tenants with pending jobs; 1e6 for a claim at weight 1
--   $:service:C          zset   tenant -> service it had, for those without, while that is ahead of the clock
--   $:clock:C            string service up to which all have been served: where a newly active tenant begins
--   $:claims             string how many claims there were: every 20th goes to the lower classes
--   $:claim:N            string "<attempt> T/J": the claim that nonce N got, for a minute
--   $:waiting            hash   C -> how many jobs wait in the class
--   $:pace               hash   how fast jobs are claimed: time of the last claim, whether others waited then, and
--                               the mean interval between claims while others wait, ms
--   $:paused             hash   "everything", "tenant:T" or "kind:K" -> since when, ms
--   $:delayed            zset   T/J -> when its next attempt may start, ms: retries, and jobs with a schedule
--   $:deadlines          zset   T/J -> when it fails unless it has been started, ms
--   $:leases             zset   T/J -> when the lease of its attempt ends, ms
--   $:orphans            zset   T/J -> 0: cancelling, and nobody has it
--   $:attached           zset   T/J -> rank: pending, with a generation that runs at the provider: it goes before the
--                               lines, and keeps its place in the running sets and its provider slots
--   $:running:tenant:T   set    J
--   $:running:kind:K     set    T/J
--   $:provider           zset   T/J/<step>, or T/J for the step that comes first, all scores 0: the provider slots.
--                               A slot is its job's; it falls back with the attempt, but not while its generation runs
--   $:dependents:T:J     set    jobs that are held until J has ended; it goes with J's end
--   $:usual:job:K:M      string how long the last 20 jobs of kind K and model M took, newest first, ms (msgpack)
--   $:usual:generation:E string the same for the generations of endpoint E; both are forgotten after a month of silence
--   $:expiry             zset   T/J -> when it is forgotten, ms
--   $:dramatiq:...       what Dramatiq's RedisBroker keeps (core/store/tickets.py)

local prefix = KEYS[1]
local ATTEMPTS_KEPT = 20
local KINDS = {'transition', 'composition', 'script_video', 'model'}
local CLASSES = 3

-- One concatenation each: a call with a table of its parts costs three times as much, and scripts make dozens.
local function key(a, b, c, d)
  if d then return prefix .. ':' .. a .. ':' .. b .. ':' .. c .. ':' .. d end
  if c then return prefix .. ':' .. a .. ':' .. b .. ':' .. c end
  if b then return prefix .. ':' .. a .. ':' .. b end
  return prefix .. ':' .. a
end

-- Milliseconds since the epoch. Redis's clock is the only clock of the engine (ADR 2); tests pass their own.
local function clock(argument)
  local given = tonumber(argument)
  if given > 0 then return given end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- As a string without exponent: Lua would write 1.7e+12.
local function int(number)
  return string.format('%.0f', number)
end

local function class_of(priority)
  priority = tonumber(priority)
  if priority <= 3 then return 1 elseif priority <= 7 then return 2 else return 3 end
end

-- Lower goes first: priority, then age. Below 2^53, so a score keeps every millisecond.
local function rank_of(priority, created)
  return int(tonumber(priority) * 1e13 + tonumber(created))
end

-- The service that a claim costs a tenant. Whole numbers: sums and comparisons stay exact.
local function cost_of(weight)
  return math.floor(1e6 / (weight or 1) + 0.5)
end

local function is_terminal(state)
  return state == 'succeeded' or state == 'failed' or state == 'cancelled'
end

-- Whether the comma-separated list holds the word.
local function listed(list, word)
  return string.find(',' .. list .. ',', ',' .. word .. ',', 1, true) ~= nil
end

-- Call a command whose arguments may be more than fit on Lua's stack; those that belong in pairs stay in pairs.
-- Returns the sum of its answers.
local function call_in_chunks(command, name, arguments)
  if #arguments <= 1000 then return redis.call(command, name, unpack(arguments)) end
  local sum = 0
  for from = 1, #arguments, 1000 do
    sum = sum + redis.call(command, name, unpack(arguments, from, math.min(from + 999, #arguments)))
  end
  return sum
end

-- The record as a flat array of fields and values, without what may be large and is not for watchers: what a state
-- change shows of the job.
local function view(job)
  local all, kept = redis.call('HGETALL', job), {}
  for i = 1, #all, 2 do
    if all[i] ~= 'spec' and all[i] ~= 'salvage' and all[i] ~= 'awaited' then
      kept[#kept + 1] = all[i]
      kept[#kept + 1] = all[i + 1]
    end
  end
  return kept
end

-- Log the event whose sequence the record already carries, and return it as it is published.
local function append(tenant, id, keep, sequence, now, event)
  local packed = cmsgpack.pack({sequence, now, unpack(event)})
  redis.call('XADD', key('log', tenant, id), 'MAXLEN', '~', keep, int(sequence) .. '-0', 'e', packed)
  return packed
end

-- Whether somebody follows a batch or a tenant, or did so lately: nobody else needs its log (attend.lua, ADR 19).
local function is_attended(record, now)
  return tonumber(redis.call('HGET', record, 'attended') or '0') > now
end

-- Log and publish, under the batch's own sequence, that an event of one of its jobs has come. A batch of many jobs
-- keeps ten times the events of a job, so that it can be followed as far back.
local function tell_batch(tenant, batch, id, keep, now, sequence, packed)
  local hash = key('batch', tenant, batch)
  if not is_attended(hash, now) then return end
  local number = redis.call('HINCRBY', hash, 'sequence', 1)
  local counts = redis.call('HMGET', hash, 'n:held', 'n:pending', 'n:started', 'n:processing', 'n:cancelling',
    'n:succeeded', 'n:failed', 'n:cancelled')
  for i = 1, #counts do counts[i] = counts[i] or 0 end
  local fraction, ended = unpack(redis.call('HMGET', hash, 'fraction', 'ended'))
  local entry = {number, now, id, sequence, counts, fraction or '0', ended or ''}
  local line = cmsgpack.pack(entry)
  redis.call('XADD', key('batchlog', tenant, batch), 'MAXLEN', '~', keep * 10, int(number) .. '-0', 'e', line)
  redis.call('PUBLISH', key('batchevents', tenant, batch), line .. packed)
end

-- Log and publish, under a sequence of the tenant, that an event of one of its jobs has come; owner and labels go with
-- it for filters to look at. Bounded: it is for those who look on, while the job's own log is the truth.
local function tell_tenant(tenant, id, keep, now, sequence, packed)
  local record = key('tenant', tenant)
  if not is_attended(record, now) then return end
  local owner, labels = unpack(redis.call('HMGET', key('job', tenant, id), 'owner', 'labels'))
  local number = redis.call('HINCRBY', record, 'sequence', 1)
  local line = cmsgpack.pack({number, now, id, sequence, owner or '', labels or ''})
  redis.call('XADD', key('tenantlog', tenant), 'MAXLEN', '~', keep * 10, int(number) .. '-0', 'e', line)
  redis.call('PUBLISH', key('tenantevents', tenant), line .. packed)
end

-- The same of jobs that were accepted together: one line for all of them, whose number is the last one's, and no more
-- than that is published. Whoever listens reads the jobs; whatever is told next bounds the log.
-- accepted: flat ids and states.
local function tell_acceptances(tenant, accepted, now)
  local record = key('tenant', tenant)
  if not is_attended(record, now) then return end
  local number = redis.call('HINCRBY', record, 'sequence', #accepted / 2)
  redis.call('XADD', key('tenantlog', tenant), int(number) .. '-0', 'e', cmsgpack.pack({number, now, accepted}))
  redis.call('PUBLISH', key('tenantevents', tenant), '')
end

-- batch: the job's, or nil or false.
local function publish(tenant, id, batch, keep, now, sequence, packed)
  redis.call('PUBLISH', key('events', tenant, id), packed)
  if batch then tell_batch(tenant, batch, id, keep, now, sequence, packed) end
end

-- Publish to those as well who watch many jobs.
local function publish_widely(tenant, id, batch, keep, now, sequence, packed)
  publish(tenant, id, batch, keep, now, sequence, packed)
  tell_tenant(tenant, id, keep, now, sequence, packed)
end

-- Note that a job of a batch is at another fraction than before: the batch has the sum of those that have not ended.
local function move_fraction(tenant, batch, before, after)
  local step = (tonumber(after) or 0) - (tonumber(before) or 0)
  if step ~= 0 then redis.call('HINCRBYFLOAT', key('batch', tenant, batch), 'fraction', tostring(step)) end
end

-- Move a job of a batch from one count to another; the batch ends with the last of its jobs.
local function count_in_batch(batch, from, to, now)
  redis.call('HINCRBY', batch, 'n:' .. from, -1)
  redis.call('HINCRBY', batch, 'n:' .. to, 1)
  if not is_terminal(to) then return redis.call('HDEL', batch, 'ended') end
  local jobs, ended = redis.call('HGET', batch, 'jobs'), 0
  for _, count in ipairs(redis.call('HMGET', batch, 'n:succeeded', 'n:failed', 'n:cancelled')) do
    ended = ended + tonumber(count or '0')
  end
  if ended == tonumber(jobs) then redis.call('HSET', batch, 'ended', int(now)) end
end

-- Move the job to another state: fields, index, batch, event. updates is a flat array of fields and values.
local function change(tenant, id, keep, now, to, updates)
  local job = key('job', tenant, id)
  local from, batch = unpack(redis.call('HMGET', job, 'state', 'batch'))
  if is_terminal(to) then
    -- A job that has ended counts as done in its batch, not by its fraction.
    local fraction = batch and redis.call('HGET', job, 'fraction')
    if fraction then redis.call('HINCRBYFLOAT', key('batch', tenant, batch), 'fraction', '-' .. fraction) end
    if to == 'succeeded' then redis.call('HSET', job, 'fraction', '1') end
  end
  if #updates > 0 then redis.call('HSET', job, unpack(updates)) end
  redis.call('HSET', job, 'state', to)
  if from ~= to then
    redis.call('ZREM', key('index', tenant, 'state', from), id)
    redis.call('ZADD', key('index', tenant, 'state', to), 0, id)
    if batch then count_in_batch(key('batch', tenant, batch), from, to, now) end
  end
  local sequence = redis.call('HINCRBY', job, 'sequence', 1)
  publish_widely(tenant, id, batch, keep, now, sequence,
    append(tenant, id, keep, sequence, now, {'state', from, to, view(job)}))
end

local function has_pending(class, tenant)
  for _, kind in ipairs(KINDS) do
    if redis.call('EXISTS', key('pending', class, tenant, kind)) == 1 then return true end
  end
  return false
end

-- Put jobs of a tenant into their places among the pending ones: flat ranks and ids.
local function enqueue_all(tenant, kind, class, places)
  local added = call_in_chunks('ZADD', key('pending', class, tenant, kind), places)
  redis.call('HINCRBY', key('waiting'), class, added)
  local ready = key('ready', class)
  if not redis.call('ZSCORE', ready, tenant) then
    -- A tenant that had nothing to do begins where the others are: idleness earns no credit.
    local had = tonumber(redis.call('ZSCORE', key('service', class), tenant) or '0')
    local others = tonumber(redis.call('GET', key('clock', class)) or '0')
    redis.call('ZADD', ready, math.max(had, others), tenant)
  end
end

local function enqueue(tenant, id, kind, priority, created)
  enqueue_all(tenant, kind, class_of(priority), {rank_of(priority, created), id})
end

-- Let a job that was accepted or released wait for its start; returns how many tickets it needs.
-- schedule: not before, ms, or nil; wait: how long it may wait, ms, or nil.
local function await_start(tenant, id, kind, priority, created, schedule, wait, now)
  local member, from = tenant .. '/' .. id, math.max(now, tonumber(schedule or '0'))
  if wait then
    local deadline = int(from + tonumber(wait))
    redis.call('HSET', key('job', tenant, id), 'deadline', deadline)
    redis.call('ZADD', key('deadlines'), deadline, member)
  end
  if from > now then
    redis.call('ZADD', key('delayed'), int(from), member)
    return 0
  end
  enqueue(tenant, id, kind, priority, created)
  return 1
end

-- Take the job from among the pending ones.
local function dequeue(tenant, id, kind, priority)
  local class, member = class_of(priority), tenant .. '/' .. id
  if redis.call('ZREM', key('pending', class, tenant, kind), id) == 1 then
    redis.call('HINCRBY', key('waiting'), class, -1)
  end
  redis.call('ZREM', key('delayed'), member)
  redis.call('ZREM', key('deadlines'), member)
  redis.call('HDEL', key('job', tenant, id), 'next', 'deadline')
  if not has_pending(class, tenant) then
    local ready = key('ready', class)
    local had = redis.call('ZSCORE', ready, tenant)
    if had then
      redis.call('ZADD', key('service', class), had, tenant)
      redis.call('ZREM', ready, tenant)
      -- With nobody waiting, what each has had no longer matters: the next ones begin alike.
      if redis.call('EXISTS', ready) == 0 then redis.call('DEL', key('service', class)) end
    end
  end
end

-- Push tickets, but no more than cap wait: each wakes a slot, and a slot takes jobs while there are any.
local function push_tickets(count, template, cap, now)
  local queue, messages = key('dramatiq', 'segue'), key('dramatiq', 'segue.msgs')
  count = math.min(count, tonumber(cap) - redis.call('LLEN', queue))
  if count <= 0 then return end
  local last = redis.call('INCRBY', key('tickets'), count)
  local message = string.gsub(template, '@NOW@', int(now))
  local tickets, written = {}, {}
  for number = last - count + 1, last do
    local ticket = 'ticket-' .. int(number)
    tickets[#tickets + 1] = ticket
    written[#written + 1] = ticket
    written[#written + 1] = string.gsub(message, '@TICKET@', ticket)
  end
  call_in_chunks('HSET', messages, written)
  call_in_chunks('RPUSH', queue, tickets)
end

-- Add an attempt that ends to the job's history. failure: msgpack, '' for none.
local function close_attempt(tenant, id, now, outcome, failure)
  local job = key('job', tenant, id)
  local number, worker, claimed = unpack(redis.call('HMGET', job, 'attempt', 'worker', 'claimed'))
  number = tonumber(number)
  redis.call('HSET', job, 'try:' .. number,
    cmsgpack.pack({number, worker or '', tonumber(claimed or '0'), now, outcome, failure}))
  redis.call('HDEL', job, 'try:' .. (number - ATTEMPTS_KEPT), 'worker', 'claimed', 'position')
end

-- Give the job's provider slots back, but with keep those whose generations run at the provider, or may run: those not
-- known to have ended. Returns how many are kept. A job has as many as its recipe has steps at once: few.
local function free_slots(tenant, id, keep)
  local member, kept = tenant .. '/' .. id, 0
  for _, slot in ipairs(redis.call('ZRANGEBYLEX', key('provider'), '[' .. member, '[' .. member .. '/\255')) do
    local step = string.sub(slot, #member + 2)
    local row = keep and step ~= '' and redis.call('HGET', key('job', tenant, id), 'gen:' .. step)
    local state = row and cmsgpack.unpack(row).state
    if state == 'submitted' or state == 'intended' or state == 'unknown' then
      kept = kept + 1
    else
      redis.call('ZREM', key('provider'), slot)
    end
  end
  return kept
end

-- End the hold of an attempt on its job: lease, running sets, provider slots.
local function release(tenant, id, kind)
  local member = tenant .. '/' .. id
  redis.call('ZREM', key('leases'), member)
  redis.call('ZREM', key('orphans'), member)
  redis.call('ZREM', key('attached'), member)
  redis.call('SREM', key('running', 'tenant', tenant), id)
  redis.call('SREM', key('running', 'kind', kind), member)
  free_slots(tenant, id, false)
end

-- End the hold of an attempt on a job that will have another: it keeps the provider slots of generations that run on,
-- and with them its place in the running sets. Returns whether there are any.
local function detach(tenant, id, kind)
  redis.call('ZREM', key('leases'), tenant .. '/' .. id)
  if free_slots(tenant, id, true) > 0 then return true end
  release(tenant, id, kind)
  return false
end

-- Give a job whose attempt was cut off back to its place. One whose generation runs on at the provider goes before all
-- others: it needs no new slot, and its result is kept there for minutes only.
local function give_back(tenant, id, kind, priority, created)
  if detach(tenant, id, kind) then
    redis.call('ZADD', key('attached'), rank_of(priority, created), tenant .. '/' .. id)
  else
    enqueue(tenant, id, kind, priority, created)
  end
end

-- Leave a cancelling job that nobody has to any worker. Its slots fall back when the provider has been told.
local function orphan(tenant, id, kind)
  local member = tenant .. '/' .. id
  redis.call('ZREM', key('leases'), member)
  redis.call('ZREM', key('attached'), member)
  redis.call('SREM', key('running', 'tenant', tenant), id)
  redis.call('SREM', key('running', 'kind', kind), member)
  free_slots(tenant, id, true)
  redis.call('ZADD', key('orphans'), 0, member)
end

-- The indexes that list the job, its state's among them.
local function indexes(tenant, kind, state, owner, batch, labels)
  local keys = {key('index', tenant, 'all'), key('index', tenant, 'kind', kind), key('index', tenant, 'state', state)}
  if owner and owner ~= '' then keys[#keys + 1] = key('index', tenant, 'owner', owner) end
  if batch and batch ~= '' then keys[#keys + 1] = key('index', tenant, 'batch', batch) end
  for name, value in pairs(labels) do
    keys[#keys + 1] = key('index', tenant, 'label', name .. '=' .. value)
  end
  return keys
end

-- A request id goes with what it made; inside a batch a job's own request id made nothing.
local function forget_request(tenant, request, id)
  local name = key('request', tenant, request)
  local known = redis.call('GET', name)
  if known and string.match(known, '^%S* (%S+)$') == id then redis.call('DEL', name) end
end

-- Forget a job that has ended, with everything that points at it.
local function forget(tenant, id)
  local job = key('job', tenant, id)
  local kind, state, owner, batch, labels, request, retries =
    unpack(redis.call('HMGET', job, 'kind', 'state', 'owner', 'batch', 'labels', 'request', 'retries'))
  redis.call('ZREM', key('expiry'), tenant .. '/' .. id)
  if not state or not is_terminal(state) then return end
  labels = labels and cmsgpack.unpack(labels) or {}
  for _, index in ipairs(indexes(tenant, kind, state, owner, batch, labels)) do redis.call('ZREM', index, id) end
  redis.call('DEL', job, key('out', tenant, id), key('log', tenant, id))
  -- Its sequence stays: a watcher's place must not come twice.
  if redis.call('EXISTS', key('index', tenant, 'all')) == 0 then redis.call('DEL', key('tenantlog', tenant)) end
  if request then forget_request(tenant, request, id) end
  for _, retry in ipairs(retries and cmsgpack.unpack(retries) or {}) do forget_request(tenant, retry, id) end
  if batch then
    local hash = key('batch', tenant, batch)
    -- The batch goes with the last of its jobs.
    if redis.call('HINCRBY', hash, 'left', -1) <= 0 then
      forget_request(tenant, redis.call('HGET', hash, 'request') or '', batch)
      redis.call('DEL', hash, key('batchlog', tenant, batch))
    end
  end
end

