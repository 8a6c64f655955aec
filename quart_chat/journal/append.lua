-- Append entries to the journal of one space: give them numbers and a time, keep them, and publish them.
--
-- KEYS: the head (a hash: run, epoch, opens, n, at, and the last id of each process), the log (a list of entries), the
-- snapshot. ARGV: run, the epoch that the caller knows or 0, its process, milliseconds until the space is forgotten,
-- milliseconds to add to the server's time, the command that publishes, the channel; then for each entry its id, '1' if
-- it is kept, and the command. Returns 'epoch n at skipped', or 'LOST' if the store lacks what the caller knows.
local head, log, process = KEYS[1], KEYS[2], ARGV[3]
local known = redis.call('HMGET', head, 'run', 'epoch', 'opens', 'n', 'at', 'of ' .. process)
local time = redis.call('TIME')
local clock = time[1] * 1000 + math.floor(time[2] / 1000)
local n, at, last = tonumber(known[4] or 0), math.max(clock + ARGV[5], tonumber(known[5] or 0)), tonumber(known[6] or 0)
local epoch = known[2] or string.format('%.0f', clock)
local is_known = known[1] == ARGV[1] and (ARGV[2] == '0' or ARGV[2] == known[2]) and clock >= tonumber(known[3] or 0)
local is_begun = not known[1] and ARGV[2] == '0' and #ARGV > 7
if not (is_known or is_begun) then return 'LOST' end

local entries, skipped = {}, 0
for i = 8, #ARGV, 3 do
  local id, number = tonumber(ARGV[i]), 0
  if id <= last then
    skipped = skipped + 1  -- sent again, since the answer was lost
  else
    last = id
    if ARGV[i + 1] == '1' then n, number = n + 1, n + 1 end
    local entry = string.format('[%.0f,%.0f,"%s",%.0f,%s]', number, at, process, id, ARGV[i + 2])
    entries[#entries + 1] = entry
    if number > 0 then redis.call('RPUSH', log, entry) end
  end
end
at = string.format('%.0f', at)
redis.call('HSET', head, 'run', ARGV[1], 'epoch', epoch, 'n', n, 'at', at, 'of ' .. process, last)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[4]) end
if #entries > 0 then redis.call(ARGV[6], ARGV[7], '[' .. epoch .. ',[' .. table.concat(entries, ',') .. ']]') end
return string.format('%s %.0f %s %d', epoch, n, at, skipped)
