-- SPDX-License-Identifier: Apache-2.0
-- How full is a bucket? Put before reserve.lua and settle.lua.
-- The same operations in the same order as store/leaking.py: a change here is a change there.

local UNIT, SKEW, TOLERANCE, HIGHEST = 10000, 300000, 1e-9, 1e15

local function parsed(text)
  local value = tonumber(text or '')
  if value and value > 0 and value < HIGHEST then return value end
  return 0
end

local function number(fields, name, default)
  local value = parsed(fields[name])
  if value == 0 then return default end
  return value
end

local function load(key)
  local flat = redis.call('HGETALL', key)
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields, #flat > 0
end

-- level after leaking, rate factor, burst factor, what leaked
local function leak(fields, rate, dynamic, now)
  local level = number(fields, 'b', 0)
  local rate_factor, burst_factor = 1, 1
  if dynamic then
    rate_factor = number(fields, 'dr', UNIT) / UNIT
    burst_factor = number(fields, 'db', UNIT) / UNIT
  end
  local elapsed = now - number(fields, 'l', now)
  local leaked = 0
  if elapsed > 0 and level > 0 then
    leaked = math.min(level, elapsed * rate * rate_factor / 1000)
  end
  return level - leaked, rate_factor, burst_factor, leaked
end

-- drops the reservations that expired, except own; the sum of the live ones of others
local function sweep(key, fields, own, now)
  local pending = 0
  for name, value in pairs(fields) do
    if name ~= own and string.sub(name, 1, 2) == 'r:' then
      local amount, expires = string.match(value, '^([^:]*):?(.*)$')
      if parsed(expires) > now then
        pending = pending + parsed(amount)
      else
        redis.call('HDEL', key, name)
      end
    end
  end
  return pending
end

local function text(value)
  return string.format('%.17g', value)
end

local function write(key, fields, level, pending, now)
  local last = number(fields, 'l', 0)
  if not (now < last and last <= now + SKEW) then last = now end
  redis.call('HSET', key, 'l', string.format('%.0f', math.floor(last)), 'b', text(level), 'p', text(pending))
end
