-- Let held jobs go, all or none. One that awaits others goes when they have ended.
--
-- KEYS[1] prefix
-- ARGV[1] now, ms (0: Redis's clock)   [2] events kept per job   [3] ticket template   [4] most tickets that wait
--     [5] tenant   [6...] job ids
-- returns {"ok"} | {"missing", job id} | {"not_held", job id}
local now, keep, template, cap, tenant = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
for i = 6, #ARGV do
  local state = redis.call('HGET', key('job', tenant, ARGV[i]), 'state')
  if not state then return {'missing', ARGV[i]} end
  -- A job that was released, also by a call whose answer was lost, is not held up by being released again.
  if state == 'succeeded' or state == 'failed' or state == 'cancelled' then return {'not_held', ARGV[i]} end
end
local wanted = 0
for i = 6, #ARGV do
  local job = key('job', tenant, ARGV[i])
  local state, awaits = unpack(redis.call('HMGET', job, 'state', 'awaits'))
  if state == 'held' and awaits then
    redis.call('HDEL', job, 'hold')  -- the jobs that it awaits still hold it
  elseif state == 'held' then
    wanted = wanted + let_go(tenant, ARGV[i], keep, now)
  end
end
push_tickets(wanted, template, cap, now)
return {'ok'}
