-- SPDX-License-Identifier: Apache-2.0
-- Is a message counted in a bucket, or only released? As `settle` in store/leaking.py.
-- KEYS: the bucket. ARGV: token, messages a second, amount, dynamic, counted, reserved (0 or 1 each),
-- rate factor, its bound, burst factor, its bound, now, life of the bucket (both in ms).

local key, own = KEYS[1], 'r:' .. ARGV[1]
local rate, amount = tonumber(ARGV[2]), tonumber(ARGV[3])
local dynamic, counted, reserved = ARGV[4] == '1', ARGV[5] == '1', ARGV[6] == '1'
local now = tonumber(ARGV[11])

local function scaled(stored, factor, bound)
  if bound <= 1 or factor == 1 then return stored end
  if factor > 1 then
    local raised = math.max(stored + 1, math.floor(stored * factor))
    return math.max(stored, math.min(raised, math.floor(bound * UNIT)))
  end
  local lowest = math.max(1, math.ceil(UNIT / bound))
  return math.min(stored, math.max(lowest, math.floor(stored * factor)))
end

local fields = load(key)
if not fields[own] and (reserved or not counted) then return 0 end

local level = leak(fields, rate, dynamic, now)
local pending = sweep(key, fields, own, now)
local rate_factor, burst_factor = number(fields, 'dr', UNIT), number(fields, 'db', UNIT)
if counted then
  level = level + amount
  if dynamic then
    rate_factor = scaled(rate_factor, tonumber(ARGV[7]), tonumber(ARGV[8]))
    burst_factor = scaled(burst_factor, tonumber(ARGV[9]), tonumber(ARGV[10]))
  end
end
redis.call('HDEL', key, own)
write(key, fields, level, pending, now)
redis.call('HSET', key, 'dr', string.format('%.0f', math.floor(rate_factor)), 'db', string.format('%.0f', math.floor(burst_factor)))
redis.call('PEXPIRE', key, ARGV[12])
return 1
