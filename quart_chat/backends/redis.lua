-- Everything that changes shared state, one function a call, each atomic because Redis runs one script at a time.
--
-- KEYS[1] is the prefix of all keys; ARGV are the time in ms, the requests of one moment as JSON, which are pairs of a
-- function's name and its arguments, and the command that publishes. Each request is answered by JSON or an error of
-- its own. Times come from the caller, so that a test can let them pass. A room is found by the SHA-1 of its id: no code
-- stands in a key or a channel. Only commands that Redis 6.2 to 8 and Valkey 7.2 and 8 share are used, and in a cluster
-- SPUBLISH, where it has that.

local prefix, now, PUBLISH = KEYS[1], tonumber(ARGV[1]), ARGV[3]
local args  -- of the request that is being done

local VERSION = 1          -- of every record and event
local LOG, TAIL = 200, 50  -- messages kept by a room; those of the lobby that a newcomer may read
local OFFERS = 64          -- of a queue that a claim looks at
local MET = 8              -- strangers one does not meet again while others wait
local PATIENCE = 5000      -- ms both have waited before they meet the one they have just left
local LEASE = 30000        -- ms a process is believed to live without a word of it
local LIFE = 900           -- seconds a record lives unless its process renews it
local HOUR, DAY = 3600, 86400

local call = redis.call

local function key(...) return table.concat({prefix, ...}, ':') end
local function room_key(what, room) return key(what, redis.sha1hex(room)) end
local function set(name, ...) call('HSET', name, ...) end

-- Where a room begins to count: beyond whatever it may have counted to in a store that was lost since.
local function first_seq() return math.floor((now - 1.7e12) / 10) end
local function first_n() return (now - 1.7e12) * 10 end

-- A counter that never goes back, even when all else is lost: it starts from the clock.
local function next_of(name)
  local counter = key(name)
  if call('EXISTS', counter) == 0 then call('SET', counter, string.format('%.0f', first_n())) end
  call('EXPIRE', counter, 30 * DAY)
  return call('INCR', counter)
end

local function record(name)
  local flat, found = call('HGETALL', name), {}
  for at = 1, #flat, 2 do found[flat[at]] = flat[at + 1] end
  return found
end

-- Where a visitor is, with what is known of it; nil at a door.
local function place_of(visitor)
  local place = record(key('v', visitor))
  if place.kind then return place end
end

local function count(kind, by)
  call('HINCRBY', key('counts'), kind, by)
  call('EXPIRE', key('counts'), 30 * DAY)
end

local function tell_home(node, event)
  event.v = VERSION
  if node and node ~= '' then call(PUBLISH, key('node', node), cjson.encode(event)) end
end

local function publish(room, event)
  event.v, event.n = VERSION, call('HINCRBY', room_key('r', room), 'n', 1)
  call(PUBLISH, room_key('room', room), cjson.encode(event))
  return event.n
end

local function keep_room(room, kind)
  local life = kind == 'lobby' and DAY or LIFE
  for _, what in ipairs({'r', 'm', 'nm', 'aw', 'l', 't', 'tl'}) do call('EXPIRE', room_key(what, room), life) end
end

local function keep_visitor(visitor, place)
  call('EXPIRE', key('v', visitor), LIFE)
  call('SADD', key('n', place.node), visitor)
  call('EXPIRE', key('n', place.node), DAY)
end

local function open_room(room, kind)
  local base = first_seq()
  set(room_key('r', room), 'v', VERSION, 'room', room, 'kind', kind, 'n', first_n(), 'seq', base, 'base', base, 'seated', 0,
    'epoch', args.epoch)
  keep_room(room, kind)
end

local function close_room(room, kind)
  for _, what in ipairs({'r', 'm', 'nm', 'aw', 'l'}) do call('DEL', room_key(what, room)) end
  if kind == 'room' then
    call('SET', room_key('rest', room), string.format('%.0f', now + DAY * 1000), 'EX', 2 * DAY)
  elseif kind ~= 'lobby' then
    set(room_key('t', room), 'ended', now)
  end
end

-- The room's record, if it is open: one that nobody came to in time is closed here.
local function find_room(room)
  local found = record(room_key('r', room))
  if not found.kind then return nil end
  if found['until'] and tonumber(found['until']) <= now then
    close_room(room, found.kind)
    return nil
  end
  return found
end

-- Seat a visitor; returns its member.
local function seat(room, kind, visitor, name, fold, has_seen)
  local r = room_key('r', room)
  local seq, base = tonumber(call('HGET', r, 'seq')), tonumber(call('HGET', r, 'base'))
  local after = seq
  if kind == 'lobby' then after = math.max(seq - TAIL, base) elseif kind ~= 'room' then after = base end
  local number = call('HINCRBY', r, 'seated', 1)
  local member = {id = visitor, name = name, fold = fold, seat = number, after = has_seen or after}
  call('HSET', room_key('m', room), visitor, cjson.encode(member))
  call('HSET', room_key('nm', room), fold, visitor)
  keep_room(room, kind)
  return member
end

-- Take a member's seat away; returns it. The last one out closes the room.
local function unseat(room, kind, visitor)
  local m = room_key('m', room)
  local found = call('HGET', m, visitor)
  if not found then return nil end
  local member = cjson.decode(found)
  call('HDEL', m, visitor)
  call('HDEL', room_key('nm', room), member.fold)
  call('SREM', room_key('aw', room), visitor)
  return member
end

local function forget(visitor, place)
  call('DEL', key('v', visitor))
  call('SREM', key('n', place.node), visitor)
  call('SREM', key('b', place.browser), visitor)
  call('ZREM', key('absent'), visitor)
  count(place.kind, -1)
end

local function note_absence(visitor, place, since)
  set(key('v', visitor), 'absent', since)
  call('ZADD', key('absent'), since, visitor)
  call('EXPIRE', key('absent'), DAY)
  call('SADD', key('b', place.browser), visitor)
  call('EXPIRE', key('b', place.browser), LIFE)
end

local function queue_of(place)
  return key((place.absent or place.held) and 'qx' or 'q', place.kind)
end

local function put_in_queue(visitor, place)
  call('ZREM', key('q', place.kind), visitor)
  call('ZREM', key('qx', place.kind), visitor)
  call('ZADD', queue_of(place), place.no, visitor)
  call('EXPIRE', queue_of(place), DAY)
end

local function queue_up(visitor, place)
  place.room, place.no, place.since = '', next_of('no'), now
  set(key('v', visitor), 'room', '', 'no', place.no, 'since', now)
  put_in_queue(visitor, place)
end

local function waiting(kind) return call('ZCARD', key('q', kind)) + call('ZCARD', key('qx', kind)) end

local function tell_waiting(visitor, place, left)
  local event = {e = 'waiting', visitor = visitor, kind = place.kind, waiting = waiting(place.kind), stamp = next_of('moves')}
  event.left = left
  tell_home(place.node, event)
end

local function lives(node)
  local lease = call('ZSCORE', key('nodes'), node)
  return lease and tonumber(lease) > now
end

local function are_apart(one, other)
  return call('ZSCORE', key('blk', one), other) or call('ZSCORE', key('blk', other), one)
end

local function have_met(one, other)
  for _, browser in ipairs(call('LRANGE', key('met', one), 0, MET - 1)) do
    if browser == other then return true end
  end
  return false
end

local function remember(one, other)
  local met = key('met', one)
  call('LPUSH', met, other)
  call('LTRIM', met, 0, MET - 1)
  call('EXPIRE', met, DAY)
end

local function bring_together(room, kind, tickets)
  open_room(room, kind)
  local talk = room_key('t', room)
  set(talk, 'v', VERSION, 'kind', kind)
  for number, ticket in ipairs(tickets) do
    local place, name, fold = ticket.place, ticket.place.name, ticket.place.fold
    if number == 2 and fold == tickets[1].place.fold then name, fold = place.name2, place.fold2 end
    call('ZREM', key('q', kind), ticket.visitor)
    local member = seat(room, kind, ticket.visitor, name, fold)
    set(key('v', ticket.visitor), 'room', room)
    set(talk, 'party' .. number, cjson.encode({id = ticket.visitor, browser = place.browser, address = place.address}))
    keep_visitor(ticket.visitor, place)
    ticket.member = member
  end
  call('EXPIRE', talk, LIFE)
  local one, other = tickets[1].place.browser, tickets[2].place.browser
  if one ~= other then remember(one, other); remember(other, one) end
  for _, ticket in ipairs(tickets) do
    tell_home(ticket.place.node, {e = 'met', visitor = ticket.visitor, kind = kind, room = room, stamp = next_of('moves')})
  end
end

local function is_pair(kind) return kind == 'text' or kind == 'video' end

-- Claim this visitor and the longest waiting one who fits, or nobody.
local function meet(visitor, room)
  local mine = place_of(visitor)
  if not mine or mine.room ~= '' or not is_pair(mine.kind) or not call('ZSCORE', key('q', mine.kind), visitor) then
    return false
  end
  local fallback
  for _, other in ipairs(call('ZRANGE', key('q', mine.kind), 0, OFFERS - 1)) do
    local place = other ~= visitor and place_of(other)
    if other ~= visitor and not place then
      call('ZREM', key('q', mine.kind), other)
    elseif place and place.kind == mine.kind and lives(place.node) and not are_apart(mine.browser, place.browser) then
      local is_new = mine.browser ~= place.browser and not have_met(mine.browser, place.browser)
        and not have_met(place.browser, mine.browser)
      local ticket = {visitor = other, place = place}
      if is_new then
        bring_together(room, mine.kind, {ticket, {visitor = visitor, place = mine}})
        return true
      end
      local is_patient = mine.browser == place.browser
        or now - math.max(tonumber(mine.since), tonumber(place.since)) >= PATIENCE
      if is_patient and not fallback then fallback = ticket end
    end
  end
  if not fallback then return false end
  bring_together(room, mine.kind, {fallback, {visitor = visitor, place = mine}})
  return true
end

local function part(room, visitor)
  local place = place_of(visitor)
  if not place or place.room ~= room or place.kind == 'lobby' or place.kind == 'room' then return nil end
  local left, stayed = unseat(room, place.kind, visitor), nil
  for _, other in ipairs(call('HKEYS', room_key('m', room))) do stayed = other end
  forget(visitor, place)
  local other = stayed and place_of(stayed)
  if stayed then unseat(room, place.kind, stayed) end
  close_room(room, place.kind)
  call('EXPIRE', room_key('t', room), HOUR)
  call('EXPIRE', room_key('tl', room), HOUR)
  if not other then return {kind = place.kind, name = place.name} end
  queue_up(stayed, other)
  tell_waiting(stayed, other, left)
  return {kind = place.kind, name = place.name, stayed = {id = stayed, browser = other.browser, address = other.address}}
end

local function leave(room, visitor)
  local place = place_of(visitor)
  if not place or place.room ~= room or (place.kind ~= 'lobby' and place.kind ~= 'room') then return false end
  local member = unseat(room, place.kind, visitor)
  forget(visitor, place)
  if call('HLEN', room_key('m', room)) == 0 and place.kind == 'room' then
    close_room(room, place.kind)
  elseif member then
    publish(room, {e = 'left', id = visitor})
  end
  return true
end

local function withdraw(visitor)
  local place = place_of(visitor)
  if not place or place.room ~= '' then return false end
  call('ZREM', key('q', place.kind), visitor)
  call('ZREM', key('qx', place.kind), visitor)
  forget(visitor, place)
  return true
end

local function take_in(visitor, kind, room, more)
  set(key('v', visitor.id), 'v', VERSION, 'kind', kind, 'room', room, 'node', args.node, 'browser', visitor.browser,
    'address', visitor.address, unpack(more))
  count(kind, 1)
  keep_visitor(visitor.id, {node = args.node})
end

-- Whoever is still at home with a process that has ended is away.
local function bereave(node, since, visitors)
  for _, visitor in ipairs(visitors) do
    local place = place_of(visitor)
    call('SREM', key('n', node), visitor)
    if place and place.node == node and not place.absent then
      note_absence(visitor, place, since)
      place.absent = since
      if place.room == '' then put_in_queue(visitor, place) end
    end
  end
end

local functions = {}

function functions.settle()
  call('SET', key('epoch'), args.fresh, 'NX')
  if args.replaces and call('GET', key('epoch')) == args.replaces then call('SET', key('epoch'), args.fresh) end
  call('EXPIRE', key('epoch'), 30 * DAY)
  return {epoch = call('GET', key('epoch'))}
end

-- Say that a process lives; returns how far its rooms are, so that it finds out what it has missed.
function functions.lease()
  call('ZADD', key('nodes'), now + LEASE, args.node)
  call('EXPIRE', key('nodes'), DAY)
  call('EXPIRE', key('epoch'), 30 * DAY)
  tell_home(args.node, {e = 'beat'})
  local reached = {}
  for _, room in ipairs(args.rooms) do reached[room] = tonumber(call('HGET', room_key('r', room), 'n') or '-1') end
  return {reached = reached}
end

-- Renew the records of visitors who are at home with a process, and tell it where each of them is.
function functions.renew()
  local places = {}
  for _, visitor in ipairs(args.visitors) do
    local place = place_of(visitor)
    if place then
      if place.node == args.node then keep_visitor(visitor, place) end
      if place.room ~= '' then keep_room(place.room, place.kind) end
      places[visitor] = {kind = place.kind, room = place.room, node = place.node, absent = place.absent}
    end
  end
  for _, name in ipairs({'q:text', 'qx:text', 'q:video', 'qx:video', 'absent'}) do call('EXPIRE', key(name), DAY) end
  return {places = places}
end

function functions.leave_for_good()
  bereave(args.node, now, call('SMEMBERS', key('n', args.node)))
  call('ZREM', key('nodes'), args.node)
  return {}
end

-- After a loss, number on from the clock: what was lost must not have its numbers given to anything else.
local function renumber(room)
  local r = room_key('r', room)
  if call('HGET', r, 'kind') and call('HGET', r, 'epoch') ~= args.epoch then
    set(r, 'seq', math.max(first_seq(), tonumber(call('HGET', r, 'seq'))), 'epoch', args.epoch)
    set(r, 'n', math.max(first_n(), call('HINCRBY', r, 'n', 1)))
  end
end

-- Put back a visitor whom a lost or reset store has forgotten.
function functions.reassert()
  if args.room ~= '' then renumber(args.room) end
  if place_of(args.visitor.id) then return {} end
  if args.room == '' and not is_pair(args.kind) then return {} end
  if args.room == '' then
    take_in(args.visitor, args.kind, '', {'name', args.name, 'fold', args.fold, 'name2', args.name2, 'fold2', args.fold2})
    queue_up(args.visitor.id, place_of(args.visitor.id))
    return {}
  end
  if call('EXISTS', room_key('r', args.room)) == 0 then open_room(args.room, args.kind) end
  local name, fold = args.name, args.fold
  if call('HEXISTS', room_key('nm', args.room), fold) == 1 then name, fold = args.name2, args.fold2 end
  take_in(args.visitor, args.kind, args.room,
    {'name', args.name, 'fold', args.fold, 'name2', args.name2, 'fold2', args.fold2})
  local member = seat(args.room, args.kind, args.visitor.id, name, fold, args.seq)
  publish(args.room, {e = 'joined', member = member})
  if args.kind == 'text' or args.kind == 'video' then
    local talk = room_key('t', args.room)
    local number = call('HEXISTS', talk, 'party1') + 1
    set(talk, 'v', VERSION, 'kind', args.kind, 'party' .. number, cjson.encode(args.visitor))
    call('EXPIRE', talk, LIFE)
  end
  return {}
end

function functions.create_room()
  local rest = call('GET', room_key('rest', args.room))
  if find_room(args.room) or (rest and tonumber(rest) > now) then return {made = false} end
  open_room(args.room, 'room')
  set(room_key('r', args.room), 'until', now + args.unvisited)
  return {made = true}
end

function functions.people_in()
  if not find_room(args.room) then return {} end
  return {people = call('HLEN', room_key('m', args.room))}
end

function functions.counts()
  return {counts = record(key('counts'))}
end

function functions.place_of()
  local place = place_of(args.visitor)
  return place and {kind = place.kind, room = place.room} or {}
end

function functions.enter()
  if place_of(args.visitor.id) then return {} end
  local room = find_room(args.room)
  if not room and args.kind ~= 'lobby' then return {} end
  if not room then open_room(args.room, args.kind) end
  local names = room_key('nm', args.room)
  for _, candidate in ipairs(args.names) do
    if call('HEXISTS', names, candidate.fold) == 0 then
      call('HDEL', room_key('r', args.room), 'until')
      take_in(args.visitor, args.kind, args.room, {'name', candidate.name, 'fold', candidate.fold})
      local member = seat(args.room, args.kind, args.visitor.id, candidate.name, candidate.fold)
      local n = publish(args.room, {e = 'joined', member = member})
      return {n = n, name = candidate.name, stamp = next_of('moves')}
    end
  end
  return {taken = true}
end

function functions.leave()
  return {done = leave(args.room, args.visitor), stamp = next_of('moves')}
end

function functions.say()
  local said, mark = key('k', args.visitor), redis.sha1hex(args.room .. '|' .. args.key)
  if call('ZSCORE', said, mark) then return {answer = 'repeated'} end
  local r, found = room_key('r', args.room), call('HGET', room_key('m', args.room), args.visitor)
  if not found or not call('HGET', r, 'kind') then return {answer = 'refused'} end
  local member = cjson.decode(found)
  local by = {id = member.id, name = member.name, seat = member.seat}
  local message = {v = VERSION, seq = call('HINCRBY', r, 'seq', 1), key = args.key, by = by, text = args.text, at = now}
  local log = room_key('l', args.room)
  call('RPUSH', log, cjson.encode(message))
  call('LTRIM', log, -LOG, -1)
  call('ZADD', said, now, mark)
  call('ZREMRANGEBYRANK', said, 0, -129)
  call('EXPIRE', said, 600)
  if call('EXISTS', room_key('t', args.room)) == 1 then
    local lines = room_key('tl', args.room)
    call('RPUSH', lines, cjson.encode({by = args.visitor, text = args.text, at = now}))
    call('LTRIM', lines, -20, -1)
  end
  keep_room(args.room, call('HGET', r, 'kind'))
  publish(args.room, {e = 'said', message = message})
  return {answer = 'accepted'}
end

function functions.typing()
  local found = call('HGET', room_key('m', args.room), args.visitor)
  if found then
    call(PUBLISH, room_key('room', args.room), cjson.encode({v = VERSION, e = 'typing', id = args.visitor}))
  end
  return {}
end

function functions.seek()
  local visitor, place = args.visitor.id, place_of(args.visitor.id)
  if place then return {done = place.kind == args.kind and place.room == ''} end
  take_in(args.visitor, args.kind, '', {'name', args.name, 'fold', args.fold, 'name2', args.name2, 'fold2', args.fold2})
  if args.held then set(key('v', visitor), 'held', 1) end
  place = place_of(visitor)
  queue_up(visitor, place)
  if not meet(visitor, args.pair) then tell_waiting(visitor, place) end
  return {done = true}
end

function functions.release()
  local place = place_of(args.visitor)
  if not place or place.room ~= '' then return {} end
  call('HDEL', key('v', args.visitor), 'held')
  place.held = nil
  put_in_queue(args.visitor, place)
  meet(args.visitor, args.pair)
  return {}
end

function functions.meet() return {done = meet(args.visitor, args.pair)} end

function functions.withdraw() return {done = withdraw(args.visitor), stamp = next_of('moves')} end

function functions.part() return {parting = part(args.room, args.visitor), stamp = next_of('moves')} end

function functions.partner_of()
  local place = place_of(args.visitor)
  if not place or place.room ~= args.room or place.kind ~= 'video' then return {} end
  for _, other in ipairs(call('HKEYS', room_key('m', args.room))) do
    local partner = other ~= args.visitor and place_of(other)
    if partner then return {partner = {id = other, browser = partner.browser, address = partner.address}} end
  end
  return {}
end

function functions.waiting() return {waiting = waiting(args.kind)} end

function functions.longest_waiting()
  local here = {}
  for _, visitor in ipairs(call('ZRANGE', key('q', args.kind), 0, OFFERS - 1)) do
    if call('HGET', key('v', visitor), 'node') == args.node then here[#here + 1] = visitor end
  end
  return {visitors = here}
end

function functions.snapshot()
  local room = find_room(args.room)
  if not room then return {} end
  return {
    kind = room.kind, n = tonumber(room.n), seq = tonumber(room.seq), members = call('HVALS', room_key('m', args.room)),
    away = call('SMEMBERS', room_key('aw', args.room)), log = call('LRANGE', room_key('l', args.room), 0, -1),
  }
end

function functions.drop()
  local place = place_of(args.visitor)
  if not place or place.node ~= args.node then return {} end
  note_absence(args.visitor, place, now)
  place.absent = now
  if place.room == '' then put_in_queue(args.visitor, place) end
  return {}
end

-- Find whom a page belongs to: the visitor it was before, or the one its browser has just left behind in this place.
function functions.whose()
  local owner = call('GET', key('pg', args.visitor)) or args.visitor
  local place = place_of(owner)
  if place and place.browser == args.browser then return {owner = owner} end
  local latest = -1
  owner = nil
  for _, visitor in ipairs(call('SMEMBERS', key('b', args.browser))) do
    local left = place_of(visitor)
    local fits = left and left.absent and left.kind == args.kind and (args.room == '' or left.room == args.room)
    if fits and tonumber(left.absent) > latest then owner, latest = visitor, tonumber(left.absent) end
  end
  if owner then call('SET', key('pg', args.visitor), owner, 'EX', DAY) end
  return {owner = owner or args.visitor}
end

function functions.resume()
  local visitor, place = args.visitor.id, place_of(args.visitor.id)
  if not place or place.browser ~= args.visitor.browser then return {} end
  if place.node ~= args.node then
    call('SREM', key('n', place.node), visitor)
    tell_home(place.node, {e = 'moved', visitor = visitor, stamp = next_of('moves')})
    place.node = args.node
  end
  set(key('v', visitor), 'node', args.node, 'address', args.visitor.address)
  call('HDEL', key('v', visitor), 'absent')
  place.absent = nil
  call('ZREM', key('absent'), visitor)
  call('SREM', key('b', place.browser), visitor)
  keep_visitor(visitor, place)
  local answer = {kind = place.kind, room = place.room, name = place.name, stamp = next_of('moves')}
  if place.room == '' then
    put_in_queue(visitor, place)
    if not meet(visitor, args.pair) then tell_waiting(visitor, place) end
  elseif call('SREM', room_key('aw', place.room), visitor) == 1 then
    answer.n = publish(place.room, {e = 'back', id = visitor})
  end
  return answer
end

-- Those who are away, to one process at a time; whoever a dead process held is away since its last word.
function functions.absences()
  local sweeper = call('GET', key('sweeper'))
  if sweeper and sweeper ~= args.node then return {absences = {}} end
  call('SET', key('sweeper'), args.node, 'PX', 5000)
  for _, dead in ipairs(call('ZRANGEBYSCORE', key('nodes'), '-inf', now)) do
    local since = tonumber(call('ZSCORE', key('nodes'), dead)) - LEASE
    bereave(dead, since, call('SRANDMEMBER', key('n', dead), 500))
    if call('SCARD', key('n', dead)) == 0 then call('ZREM', key('nodes'), dead) end
  end
  local absences = {}
  for _, visitor in ipairs(call('ZRANGEBYSCORE', key('absent'), '-inf', now, 'LIMIT', 0, 1000)) do
    local place = place_of(visitor)
    if place and place.absent then
      local marked = place.room == '' or call('SISMEMBER', room_key('aw', place.room), visitor) == 1
      absences[#absences + 1] = {
        visitor = visitor, kind = place.kind, room = place.room, away = now - tonumber(place.absent), marked = marked,
      }
      if place.room ~= '' then keep_room(place.room, place.kind) end
      call('EXPIRE', key('v', visitor), LIFE)
    else
      call('ZREM', key('absent'), visitor)
    end
  end
  return {absences = absences}
end

function functions.mark_away()
  local place = place_of(args.visitor)
  if place and place.absent and place.room ~= '' and call('SADD', room_key('aw', place.room), args.visitor) == 1 then
    publish(place.room, {e = 'away', id = args.visitor})
    keep_room(place.room, place.kind)
  end
  return {}
end

function functions.give_up()
  local place = place_of(args.visitor)
  if not place or not place.absent then return {} end
  if place.room == '' then
    withdraw(args.visitor)
  elseif place.kind == 'lobby' or place.kind == 'room' then
    leave(place.room, args.visitor)
  else
    return {parting = part(place.room, args.visitor)}
  end
  return {}
end

-- The two parties of a talk, the asking one first; nil for a stranger there, or when it is too long ago.
local function parties_of(room, visitor)
  local talk = record(room_key('t', room))
  if not talk.party1 or not talk.party2 or (talk.ended and now - tonumber(talk.ended) >= args.reportable) then return nil end
  local one, other = cjson.decode(talk.party1), cjson.decode(talk.party2)
  if one.id == visitor then return one, other, talk end
  if other.id == visitor then return other, one, talk end
end

local function keep_apart(one, other)
  local blocked = key('blk', one.browser)
  call('ZADD', blocked, now, other.browser)
  call('ZREMRANGEBYRANK', blocked, 0, -201)
  call('EXPIRE', blocked, 30 * DAY)
end

function functions.block()
  local mine, theirs = parties_of(args.room, args.visitor)
  if mine then keep_apart(mine, theirs) end
  return {done = mine ~= nil}
end

local function ban(accused)
  local record_key = key('ban', accused.browser)
  local bans = tonumber(call('HGET', record_key, 'bans') or '0')
  local ends = now + math.min(args.first_ban * 2 ^ bans, args.longest_ban)
  set(record_key, 'v', VERSION, 'bans', bans + 1, 'until', string.format('%.0f', ends))
  call('EXPIRE', record_key, 60 * DAY)
  call('SET', key('bana', accused.address), string.format('%.0f', ends), 'EX', 60 * DAY)
end

local function count_report(accused, reporter)
  local reports = key('rep', accused.browser)
  call('RPUSH', reports, cjson.encode({at = now, browser = reporter.browser, address = reporter.address}))
  call('LTRIM', reports, -100, -1)
  call('EXPIRE', reports, HOUR)
  local browsers, addresses, browser_count, address_count = {}, {}, 0, 0
  for _, entry in ipairs(call('LRANGE', reports, 0, -1)) do
    local report = cjson.decode(entry)
    if now - report.at < args.counts_for then
      if not browsers[report.browser] then browsers[report.browser], browser_count = true, browser_count + 1 end
      if not addresses[report.address] then addresses[report.address], address_count = true, address_count + 1 end
    end
  end
  if math.min(browser_count, address_count) >= args.reporters then
    call('DEL', reports)
    ban(accused)
  end
end

function functions.accuse()
  local reporter, accused, talk = parties_of(args.room, args.visitor)
  if not reporter then return {} end
  keep_apart(reporter, accused)
  if talk['reported' .. reporter.id] then return {} end
  set(room_key('t', args.room), 'reported' .. reporter.id, 1)
  count_report(accused, reporter)
  return {
    kind = talk.kind, reporter = reporter, accused = accused, lines = call('LRANGE', room_key('tl', args.room), 0, -1),
  }
end

function functions.banned_until()
  local browser, address = call('HGET', key('ban', args.browser), 'until'), call('GET', key('bana', args.address))
  local ends = math.max(tonumber(browser or '0'), tonumber(address or '0'))
  return ends > now and {ends = ends} or {}
end

-- Pass an event on to the process where a visitor is at home.
function functions.tell()
  tell_home(call('HGET', key('v', args.visitor), 'node'), {e = 'told', visitor = args.visitor, event = args.event})
  return {}
end

-- Asked again after a lost answer, a request is answered and not done again.
local function answer_to(name)
  if name ~= 'settle' and call('GET', key('epoch')) ~= args.epoch then
    return redis.error_reply('STALE the store has another epoch')
  end
  local done = args.request and key('done', args.request)
  local answer = done and call('GET', done)
  if answer then return answer end
  answer = cjson.encode(functions[name]() or {})
  if done then call('SET', done, answer, 'EX', 60) end
  return answer
end

-- Redis 6 raises an error as a text that ends with what the command has answered; later ones raise that itself.
local function as_reply(problem)
  if type(problem) == 'table' then return problem end
  return redis.error_reply(string.match(problem, '%-(%u+ .*)$') or problem)
end

local answers = {}
for number, request in ipairs(cjson.decode(ARGV[2])) do
  args = request[2]
  local is_done, answer = pcall(answer_to, request[1])
  answers[number] = is_done and answer or as_reply(answer)
end
return answers
