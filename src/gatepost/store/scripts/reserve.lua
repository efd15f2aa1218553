-- SPDX-License-Identifier: Apache-2.0
-- Does one more message fit into a bucket? As `reserve` in store/leaking.py.
-- KEYS: the bucket. ARGV: token, burst, messages a second, amount, dynamic (0 or 1),
-- now, end of the hold, life of the bucket (all three in ms).
-- Gives limited (0 or 1), level, rate factor, burst factor, leaked, pending.

local key, token = KEYS[1], ARGV[1]
local burst, rate, amount = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local dynamic, now = ARGV[5] == '1', tonumber(ARGV[6])
local own = 'r:' .. token

local fields, existed = load(key)
local level, rate_factor, burst_factor, leaked = leak(fields, rate, dynamic, now)
local pending = sweep(key, fields, own, now)
local limited = level + pending + amount > burst * burst_factor + TOLERANCE

if limited then
  if existed then
    redis.call('HDEL', key, own)
    write(key, fields, level, pending, now)
  end
else
  write(key, fields, level, pending + amount, now)
  if amount > 0 then redis.call('HSET', key, own, text(amount) .. ':' .. ARGV[7]) end
  if not fields.dr then redis.call('HSET', key, 'dr', '10000') end
  if not fields.db then redis.call('HSET', key, 'db', '10000') end
end
if existed or not limited then redis.call('PEXPIRE', key, ARGV[8]) end

return { limited and 1 or 0, text(level), text(rate_factor), text(burst_factor), text(leaked), text(pending) }
