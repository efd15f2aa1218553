-- SPDX-License-Identifier: Apache-2.0
-- Adds to a counter, whose life is set when this creates it.
-- KEYS: the counter. ARGV: by how much; its life in ms.

local created = redis.call('EXISTS', KEYS[1]) == 0
redis.call('INCRBY', KEYS[1], ARGV[1])
if created then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
-- as text: a Lua number holds no more than 53 bits
return redis.call('GET', KEYS[1])
