-- Offer a snapshot of a space: the newest, so that entries before it need not be kept; or one of those of which a store
-- that may have lost something takes the newest. That needs a moment, and begins a new epoch.
--
-- KEYS: head, log, snapshot. ARGV: run; epoch, n and at of the snapshot; milliseconds of the moment ('' for none), and
-- if nobody else listens; milliseconds until the space is forgotten; entries to keep before the snapshot; the command
-- that publishes; the channel; the snapshot. Returns the milliseconds until the space is open for appending.
local run, epoch, n, at, moment, alone, life, spare, publish, channel, snapshot = unpack(ARGV)
local head, log, time = KEYS[1], KEYS[2], redis.call('TIME')
local known = redis.call('HMGET', head, 'run', 'epoch', 'opens', 'n', 'snapshot', 'from', 'lost')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local opens, last, from, lost = tonumber(known[3] or 0), tonumber(known[4] or 0), tonumber(known[6] or 0), known[7]
n = tonumber(n)
if moment ~= '' and known[1] ~= run then  -- the first to notice calls for what the others know
  if redis.call(publish, channel, '[0,[]]') < 2 then moment = alone end
  opens, from, lost = now + moment, tonumber(known[2] or 0), (known[2] or moment ~= alone or alone > '1') and 'perhaps'
  local new = string.format('%.0f', math.max(opens, from + 1, epoch + 1))
  redis.call('HSET', head, 'run', run, 'epoch', new, 'opens', string.format('%.0f', opens), 'from', from)
end
local is_restored = now < opens and (tonumber(epoch) > from or tonumber(epoch) == from and n > last)
if is_restored then
  redis.call('DEL', log)
  redis.call('HSET', head, 'from', epoch, 'n', n, 'at', at)
  for process, id in pairs(cjson.decode(snapshot).ids) do redis.call('HSET', head, 'of ' .. process, id) end
  lost = 'certainly'
elseif now < opens and tonumber(epoch) == from and n == last and lost == 'perhaps' then
  lost = 'nothing'
end
if is_restored or known[1] == run and known[2] == epoch and n > tonumber(known[5] or 0) then
  redis.call('SET', KEYS[3], snapshot)
  redis.call('HSET', head, 'snapshot', n)
  redis.call('LTRIM', log, math.min(0, n - last - spare), -1)
end
redis.call('HSET', head, 'lost', lost or 'nothing')
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, life) end
return math.max(0, opens - now)
