-- SPDX-License-Identifier: Apache-2.0
-- Writes a value if the present one is what the caller saw.
-- KEYS: the value. ARGV: what is expected, '=' and bytes or '-' for absent; what to write, alike;
-- its life in ms, '' for ever. Gives 1 if it was as expected.

local present = redis.call('GET', KEYS[1])
present = present and '=' .. present or '-'
if present ~= ARGV[1] then return 0 end
if ARGV[2] == '-' then
  redis.call('DEL', KEYS[1])
elseif ARGV[3] == '' then
  redis.call('SET', KEYS[1], string.sub(ARGV[2], 2))
else
  redis.call('SET', KEYS[1], string.sub(ARGV[2], 2), 'PX', ARGV[3])
end
return 1
