-- SPDX-License-Identifier: Apache-2.0
-- Makes or keeps one owner the holder of a name.
-- KEYS: the name. ARGV: the owner; for how long in ms. Gives 1 to the holder.

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
