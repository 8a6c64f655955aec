-- Read a space. KEYS: head, log, snapshot. ARGV: the epoch that the caller knows or 0, its last entry there, its
-- process, milliseconds to add to the server's time. Returns run, epoch, n, the last id of that process, milliseconds
-- until the space is open for appending, the time, what was lost before the epoch, and what the caller lacks: the
-- snapshot if the entries alone are not enough, and the entries.
local head = redis.call('HMGET', KEYS[1], 'run', 'epoch', 'n', 'of ' .. ARGV[3], 'opens', 'lost')
local time, n, kept, snapshot = redis.call('TIME'), tonumber(head[3] or 0), redis.call('LLEN', KEYS[2]), false
local clock, missing = time[1] * 1000 + math.floor(time[2] / 1000), n - ARGV[2]
if (head[2] or '0') ~= ARGV[1] or missing > kept then snapshot, missing = redis.call('GET', KEYS[3]), kept end
return {head[1] or '', tonumber(head[2] or 0), n, tonumber(head[4] or 0), math.max(0, tonumber(head[5] or 0) - clock),
  clock + ARGV[4],
  head[6] or '', snapshot, missing > 0 and redis.call('LRANGE', KEYS[2], -missing, -1) or {}}
