import { RedisScript } from '../redis-script.js';

/**
 * The only script of the limiter. A process declares the units it holds and asks for more; the script grants them.
 *
 * Promises that need a script: units are counted and granted in one step on one clock (exact window); the heads of all
 * processes are compared in that step (order and lanes); lost data is detected before anything is granted.
 *
 * KEYS: `state`, a hash of the counters, of `p:process` = `number open` and of `lane:process` = `units backlog till`;
 * `held`, a sorted set by the time at which units come free: `units:process:number:index` once settled, and `process` at the
 * end of its lease; `interactive` and `bulk`, sorted sets of the processes that wait, by the start of their next call.
 *
 * ARGV: process; limit; lease; number of the exchange; the revision that the process knows; units it holds; the rest of a
 * penalty; the number of settlements, then the units and the age of each. Then for `interactive` and for `bulk`: start, units
 * of all waiting calls, the number of calls asked for, and the units of each. Times are in microseconds.
 *
 * Returns the revision, units used, the rest of a penalty, and for each lane: the start of the next call, the time until it
 * should ask again, the least time until it can be granted, and for each granted call the time until its units are free.
 * Returns an empty table when a later exchange of the process arrived first.
 */
export const EXCHANGE = new RedisScript(`
local STATE, HELD = KEYS[1], KEYS[2]
local WINDOW = 1000000
local AHEAD = 100000         -- units are granted this long before they are free, so that no round trip delays their use
local PASSED_OVER = 10000000 -- bulk is due after it was passed over for this long
local GRACE = 500000         -- a head that asks this late no longer holds its place
local SOON = 20000           -- another head is about to take its turn
local POLL_FIRST = 250000    -- the first head asks this often: units may be returned unused
local POLL = 2000000         -- those behind it ask this often: heads before them may give up or die
local UNHEARD = 800000       -- units not yet settled are free no sooner: a settlement is reported within 100 ms
local PAGE = 16
local KEEP_MS = 86400000

local process, at = ARGV[1], 1
local function arg()
  at = at + 1
  return tonumber(ARGV[at])
end
local limit, lease, number, seen, holds, penalty = arg(), arg(), arg(), arg(), arg(), arg()

-- Lua would write 1.7e+15
local function text(n) return string.format('%.0f', n) end

local names = { 'revision', 'now', 'offset', 'open', 'releasing', 'resumes', 'passedOver', 'credit', 'i', 'b' }
local values, state = redis.call('HMGET', STATE, unpack(names)), {}
for k, name in ipairs(names) do state[name] = tonumber(values[k] or '0') end

-- Ignores an exchange that arrives after a later one: it declares an outdated state.
local record = redis.call('HGET', STATE, 'p:' .. process)
if record and tonumber(string.match(record, '^%d+')) >= number then return {} end

-- The later of TIME and the last time seen. After a step back of more than a second, which would stop everything for as
-- long, the limiter's clock continues from where it was and stays ahead of TIME from then on.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2] + state.offset
if now < state.now - WINDOW then state.offset = state.offset + state.now - now end
now = math.max(now, state.now)

-- After the loss of a key, or of writes that the process has seen, all wait for a window, as on a first use. By then the
-- settled units are free, and every process has declared what it holds.
if not values[1] or (redis.call('EXISTS', HELD) == 0 and redis.call('HLEN', STATE) > #names) then
  redis.call('DEL', unpack(KEYS))
  state.revision, state.open, state.releasing, state.credit, state.passedOver, record = now, 0, 0, 0, 0, nil
  -- Later than any start before the loss, as a lane is granted no more than the limit.
  state.i = math.floor(now / WINDOW) * limit
  state.b = state.i
  state.resumes = math.max(state.resumes, now + WINDOW)
elseif seen > state.revision then
  state.revision = seen
  state.resumes = math.max(state.resumes, now + WINDOW)
end

local function unitsOf(member) return tonumber(string.match(member, '^(%d+):')) end
local function openOf(known) return known and tonumber(string.match(known, '%d+$')) or 0 end

-- Frees settled units; removes a process whose lease ended without an exchange, with its calls.
local over = redis.call('ZRANGEBYSCORE', HELD, '-inf', text(now))
for _, member in ipairs(over) do
  local units = unitsOf(member)
  if units then
    state.releasing = state.releasing - units
  else
    state.open = state.open - openOf(redis.call('HGET', STATE, 'p:' .. member))
    redis.call('HDEL', STATE, 'p:' .. member, 'i:' .. member, 'b:' .. member)
    redis.call('ZREM', KEYS[3], member)
    redis.call('ZREM', KEYS[4], member)
    if member == process then record = nil end
  end
end
if #over > 0 then redis.call('ZREMRANGEBYSCORE', HELD, '-inf', text(now)) end

-- Counts what the process declares. A settled unit is free a second after its answer, however late that is reported.
state.open = state.open - openOf(record) + holds
state.resumes = math.max(state.resumes, now + penalty)
for index = 1, arg() do
  local units, freeAt = arg(), now + WINDOW - arg()
  if freeAt > now then
    redis.call('ZADD', HELD, text(freeAt), table.concat({ text(units), process, text(number), index }, ':'))
    state.releasing = state.releasing + units
  end
end
local used = state.open + state.releasing

-- Start-time fair queueing: the lowest start goes first; a grant raises the start of its process by the units granted.
local lanes = {}
for index, name in ipairs({ 'i', 'b' }) do
  local lane = { name = name, key = KEYS[2 + index], heads = {}, calls = {}, granted = {}, unseen = 0, guess = 0 }
  lane.start = math.max(state[name], arg())
  local backlog = arg()
  for k = 1, arg() do lane.calls[k] = arg() end
  if lane.calls[1] then
    lane.start = tonumber(redis.call('ZSCORE', lane.key, process) or lane.start)
    lane.mine = { member = process, start = lane.start, units = lane.calls[1], backlog = backlog }
    redis.call('ZADD', lane.key, text(lane.start), process)
  elseif redis.call('ZREM', lane.key, process) == 1 then
    redis.call('HDEL', STATE, name .. ':' .. process)
  end
  lanes[index] = lane
end
local interactive, bulk = lanes[1], lanes[2]

-- When that many more units are free, provided that all requests in flight are answered now.
local releases, freed, isAll = {}, 0, false
local function freeAt(lacking)
  if lacking <= 0 then return now end
  if lacking > state.releasing then
    return now + math.max(UNHEARD, WINDOW * (math.ceil(lacking / limit) - 1))
  end
  while freed < lacking and not isAll do
    local page = redis.call('ZRANGE', HELD, #releases, #releases + PAGE - 1, 'WITHSCORES')
    for k = 1, #page, 2 do
      freed = freed + (unitsOf(page[k]) or 0)
      table.insert(releases, { freed = freed, at = tonumber(page[k + 1]) })
    end
    isAll = #page == 0
  end
  for _, release in ipairs(releases) do
    if release.freed >= lacking then return release.at end
  end
  return now + WINDOW
end

-- Reads the heads of a lane in order, until they need all that can be granted now: no head behind those can be granted.
local function scan(lane)
  local from, total, late, isSeen = 0, 0, {}, not lane.mine
  repeat
    local page, fields = redis.call('ZRANGE', lane.key, from, from + PAGE - 1, 'WITHSCORES'), {}
    if #page == 0 then break end
    for k = 1, #page, 2 do table.insert(fields, lane.name .. ':' .. page[k]) end
    local details = redis.call('HMGET', STATE, unpack(fields))
    for k = 1, #fields do
      local member, head = page[2 * k - 1], nil
      local units, backlog, till = string.match(details[k] or '', '(%S+) (%S+) (%S+)')
      if member == process then
        head, isSeen = lane.mine, true
      elseif till and tonumber(till) >= now then
        head = { member = member, start = tonumber(page[2 * k]), units = tonumber(units), backlog = tonumber(backlog) }
      else
        table.insert(late, member)
      end
      if head then
        table.insert(lane.heads, head)
        total = total + head.units
      end
    end
    from = from + PAGE
  until freeAt(used + total - limit) > now + AHEAD
  for _, member in ipairs(late) do
    redis.call('ZREM', lane.key, member)
    redis.call('HDEL', STATE, lane.name .. ':' .. member)
  end
  lane.more = redis.call('ZCARD', lane.key) - #lane.heads
  if isSeen then return end
  -- Heads between those and this process have at least a unit each; the guess is the mean of those that were read.
  lane.unseen = redis.call('ZRANK', lane.key, process) - #lane.heads
  lane.guess = lane.unseen * (math.max(1, total / math.max(1, #lane.heads)) - 1)
end

-- The least units that go before this process, and of how many heads: for each head with an earlier start, its backlog up
-- to the start of this process.
local function before(lane)
  local mine, units, heads = lane.mine, lane.unseen, lane.unseen
  for _, head in ipairs(lane.heads) do
    if head.start < mine.start or (head.start == mine.start and head.member < process) then
      units = units + math.min(head.backlog, math.max(head.units, mine.start - head.start))
      heads = heads + 1
    end
  end
  return units, heads
end

local function waiting(lane)
  local units = lane.more
  for _, head in ipairs(lane.heads) do units = units + head.backlog end
  return units
end

local function isDue(units)
  return state.credit >= units or (state.passedOver > 0 and now >= state.passedOver + PASSED_OVER)
end

local function grant(lane, units, readyAt)
  local mine = lane.mine
  used = used + units
  holds = holds + units
  state.open = state.open + units
  state[lane.name] = math.max(state[lane.name], mine.start)
  table.insert(lane.granted, readyAt - now)
  mine.start = math.max(state[lane.name], mine.start + units)
  mine.backlog = mine.backlog - units
  -- The calls behind those of this request come with the next one.
  mine.units = lane.calls[#lane.granted + 1] or math.min(1, mine.backlog)
  if lane == bulk then
    state.credit, state.passedOver = math.max(0, state.credit - units), 0
  elseif bulk.heads[1] then
    state.credit = state.credit + units / 4
    if state.passedOver == 0 then state.passedOver = now end
  end
end

-- Both return when to ask again, the earliest time of a grant, and the heads before; nothing when the call was granted.
local function interactiveCall(units)
  local ahead, heads = before(interactive)
  local first = bulk.heads[1]
  local isBlocked = first and isDue(first.units)
  local lacking = used + ahead + units + (isBlocked and first.units or 0) - limit
  local earliest = freeAt(lacking)
  if not isBlocked and earliest <= now + AHEAD and now >= state.resumes then return grant(interactive, units, earliest) end
  return freeAt(lacking + interactive.guess), earliest, heads
end

local function bulkCall(units)
  local ahead, heads = before(bulk)
  local behind = waiting(interactive)
  local isTurn = behind == 0 or (ahead == 0 and isDue(units))
  local lacking = used + ahead + units - limit
  local readyAt = freeAt(lacking + (isTurn and 0 or behind))
  if readyAt <= now + AHEAD and now >= state.resumes then return grant(bulk, units, readyAt) end
  local earliest = freeAt(lacking)
  lacking = lacking + bulk.guess
  if isTurn then return freeAt(lacking), earliest, heads end
  -- Interactive units that go first: all that wait, or as many as make bulk due.
  local turnAt = freeAt(lacking + math.min(behind, math.max(0, (ahead + bulk.guess + units - state.credit) * 4)))
  if state.passedOver > 0 then turnAt = math.min(turnAt, math.max(earliest, state.passedOver + PASSED_OVER)) end
  return turnAt, earliest, heads
end

local function ask(lane, call)
  local mine, retry, earliest, heads = lane.mine, nil, nil, nil
  for _, units in ipairs(lane.calls) do
    retry, earliest, heads = call(units)
    if retry then break end
  end
  if not retry then
    retry, earliest = now, now
  elseif now < state.resumes then
    retry, earliest = state.resumes, math.max(earliest, state.resumes)
  else
    retry = retry - AHEAD
    if retry <= now then retry = now + SOON * (1 + heads / 8) end
    retry = math.min(retry, now + (heads == 0 and POLL_FIRST or POLL))
  end
  if mine and mine.units > 0 then
    redis.call('ZADD', lane.key, text(mine.start), process)
    local head = table.concat({ text(mine.units), text(mine.backlog), text(retry + GRACE) }, ' ')
    redis.call('HSET', STATE, lane.name .. ':' .. process, head)
  elseif mine then
    redis.call('ZREM', lane.key, process)
    redis.call('HDEL', STATE, lane.name .. ':' .. process)
  end
  local start = text(mine and mine.start or lane.start)
  return { start, math.floor(retry - now), math.floor(earliest - now), unpack(lane.granted) }
end

if interactive.mine or bulk.mine then
  scan(interactive)
  scan(bulk)
end
local replies = { ask(interactive, interactiveCall), ask(bulk, bulkCall) }
if redis.call('EXISTS', KEYS[4]) == 0 then state.credit, state.passedOver = 0, 0 end

state.revision, state.now = state.revision + 1, now
redis.call('ZADD', HELD, text(now + lease + WINDOW), process)
local written = { 'p:' .. process, text(number) .. ' ' .. text(holds) }
for _, name in ipairs(names) do
  table.insert(written, name)
  table.insert(written, name == 'credit' and string.format('%.2f', state.credit) or text(state[name]))
end
redis.call('HSET', STATE, unpack(written))
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, KEEP_MS) end
return { text(state.revision), used, math.max(0, state.resumes - now), unpack(replies) }
`);
