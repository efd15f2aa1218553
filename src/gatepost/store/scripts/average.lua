-- SPDX-License-Identifier: Apache-2.0
-- What are numbers on average, when the latest count most? As `take_in` in store/averaging.py.
-- KEYS: the hash. ARGV: the number, now and the life of the hash (both in ms), then for each
-- window its name, its length in s and its multiplier.

local SKEW, HIGHEST = 300000, 1e15

local function parsed(text)
  local value = tonumber(text or '')
  if value and value > -HIGHEST and value < HIGHEST then return value end
  return nil
end

local key, value, now = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('HINCRBY', key, 'n', 1)
local last = parsed(redis.call('HGET', key, 'l'))
local elapsed = 0
if last then elapsed = math.max(0, now - last) end

for i = 4, #ARGV, 3 do
  local field, average = 'v' .. ARGV[i], value
  local old = last and parsed(redis.call('HGET', key, field))
  if old then
    local share = 1 - math.exp(-elapsed / (1000 * tonumber(ARGV[i + 1])))
    average = share * value + (1 - share) * old
  end
  redis.call('HSET', key, field, string.format('%.17g', average * tonumber(ARGV[i + 2])))
end

if not (last and now < last and last <= now + SKEW) then last = now end
redis.call('HSET', key, 'l', string.format('%.0f', math.floor(last)))
redis.call('PEXPIRE', key, ARGV[3])
return 1
