-- Read jobs without their specs, which may be large.
--
-- KEYS[1] prefix
-- ARGV[1] tenant   [2...] job ids
-- returns the record of each as flat fields and values; an empty list for one that does not exist
local views = {}
for i = 2, #ARGV do views[#views + 1] = view(key('job', ARGV[1], ARGV[i])) end
return views
