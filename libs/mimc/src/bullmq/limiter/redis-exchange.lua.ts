import { RedisScript } from '../redis-script.js';

/**
 * The one script of the limiter: a process says what it holds and what it wants, and hears what it gets.
 *
 * Promises that need a script: units are counted and granted in one step on one clock (the exact window); the heads of all
 * processes are looked at together (order and lanes); what was lost is noticed before anything is granted.
 *
 * KEYS: `state`, a hash of the counters, of `p:process` = `number open` and of `lane:process` = `units backlog till`;
 * `held`, a sorted set of when units come free: `units:process:number` once settled, `process` when its lease ends;
 * `interactive` and `bulk`, sorted sets of the processes that wait, by the start of their next call.
 *
 * ARGV: limit; lease; process; number of the exchange; the revision the process knows; units it holds; units settled since
 * its last exchange; time since then; time left of a penalty. Then for `interactive` and for `bulk`: start, units of all
 * calls that wait, how many calls follow, and the units of each of these first ones. All times are in microseconds.
 *
 * Returns the revision, units used, time left of a penalty, and for both lanes: how many calls are granted, the start of
 * the next; then for the first that is not granted when to ask again and before when it cannot be granted, from now.
 * Returns nothing when a later exchange of the process has been here before: this one was on its way for too long.
 */
export const EXCHANGE = new RedisScript(`
local STATE, HELD = KEYS[1], KEYS[2]
local WINDOW = 1000000
local PASSED_OVER = 10000000 -- bulk is due when passed over for so long
local GRACE = 250000         -- a head this late to ask again no longer keeps room from others
local SOON = 20000           -- another head is expected to take its turn any moment
local POLL_FIRST = 250000    -- most between two questions of the first heads: others may give up or die
local POLL = 1000000         -- and of those behind them: what is answered now is free no sooner
local FIRST, PAGE, SCAN = 4, 16, 64
local KEEP_MS = 86400000

local limit, lease, process, number = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local seen, holds = tonumber(ARGV[5]), tonumber(ARGV[6])

-- Lua would write 1.7e+15
local function text(n) return string.format('%.0f', n) end

local names = { 'revision', 'now', 'offset', 'open', 'releasing', 'resumes', 'passedOver', 'credit', 'i', 'b' }
local state, isNew = {}, false
do
  local values = redis.call('HMGET', STATE, unpack(names))
  isNew = not values[1]
  for k, name in ipairs(names) do state[name] = tonumber(values[k] or '0') end
end

-- Exchanges of a process count in their order: one that was overtaken would declare what is no longer true.
local record = redis.call('HGET', STATE, 'p:' .. process)
if record and tonumber(string.match(record, '^%d+')) >= number then return {} end

-- The later of TIME and the last time seen. A step back of more than a second would stop everything for as long, so the
-- clock of the limiter goes on from where it was and stays ahead of TIME from then on.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2] + state.offset
if now < state.now - WINDOW then state.offset = state.offset + state.now - now end
now = math.max(now, state.now)

-- Nothing known, or a key lost, or writes lost that the process has seen: all wait for a window. By then what was settled
-- is over, and every process has declared again what it holds.
if isNew or (redis.call('EXISTS', HELD) == 0 and redis.call('HLEN', STATE) > #names) then
  redis.call('DEL', unpack(KEYS))
  state.revision, state.open, state.releasing, state.credit, state.passedOver, record = now, 0, 0, 0, 0, nil
  -- Later than any start of before, as a lane grants no more than the limit.
  state.i = math.floor(now / WINDOW) * limit
  state.b = state.i
  state.resumes = math.max(state.resumes, now + WINDOW)
elseif seen > state.revision then
  state.revision = seen
  state.resumes = math.max(state.resumes, now + WINDOW)
end

local function unitsOf(member) return tonumber(string.match(member, '^(%d+):')) end
local function openOf(known) return known and tonumber(string.match(known, '%d+$')) or 0 end

-- A process that did not come back before its lease ended is over, and so are its calls.
local function forget(member)
  state.open = state.open - openOf(redis.call('HGET', STATE, 'p:' .. member))
  redis.call('HDEL', STATE, 'p:' .. member, 'i:' .. member, 'b:' .. member)
  redis.call('ZREM', KEYS[3], member)
  redis.call('ZREM', KEYS[4], member)
  if member == process then record = nil end
end

do
  local over = redis.call('ZRANGEBYSCORE', HELD, '-inf', text(now))
  for _, member in ipairs(over) do
    local units = unitsOf(member)
    if units then state.releasing = state.releasing - units else forget(member) end
  end
  if #over > 0 then redis.call('ZREMRANGEBYSCORE', HELD, '-inf', text(now)) end
end

-- What the process says. A settled unit is free a second after its answer, however late that is heard of.
do
  state.open = state.open - openOf(record) + holds
  local settled, freeAt = tonumber(ARGV[7]), now - tonumber(ARGV[8]) + WINDOW
  if settled > 0 and freeAt > now then
    redis.call('ZADD', HELD, text(freeAt), ARGV[7] .. ':' .. process .. ':' .. ARGV[4])
    state.releasing = state.releasing + settled
  end
  state.resumes = math.max(state.resumes, now + tonumber(ARGV[9]))
end
local used = state.open + state.releasing

-- Fair queueing by start time: the least start goes first; a grant moves its process on by the units granted.
local lanes, at, asks = {}, 10, false
for index, name in ipairs({ 'i', 'b' }) do
  local lane = { name = name, key = KEYS[2 + index], heads = {}, total = 0, calls = {}, granted = 0 }
  lane.start = math.max(state[name], tonumber(ARGV[at]))
  for k = 1, tonumber(ARGV[at + 2]) do lane.calls[k] = tonumber(ARGV[at + 2 + k]) end
  if #lane.calls > 0 then
    asks = true
    local start = tonumber(redis.call('ZSCORE', lane.key, process) or lane.start)
    lane.mine = { member = process, start = start, units = lane.calls[1], backlog = tonumber(ARGV[at + 1]) }
    redis.call('ZADD', lane.key, text(start), process)
  elseif redis.call('ZREM', lane.key, process) == 1 then
    redis.call('HDEL', STATE, name .. ':' .. process)
  end
  lanes[index] = lane
  at = at + 3 + #lane.calls
end
local interactive, bulk = lanes[1], lanes[2]

-- The heads of a lane in their order, until they need the quota together: nobody behind those can go now.
local function scan(lane)
  local from, late = 0, {}
  while lane.total < limit do
    local page = redis.call('ZRANGE', lane.key, from, from + PAGE - 1, 'WITHSCORES')
    if #page == 0 then break end
    local fields = {}
    for k = 1, #page, 2 do table.insert(fields, lane.name .. ':' .. page[k]) end
    local details = redis.call('HMGET', STATE, unpack(fields))
    for k = 1, #fields do
      local member, head = page[2 * k - 1], nil
      local units, backlog, till = string.match(details[k] or '', '(%S+) (%S+) (%S+)')
      if member == process then
        head, lane.isNear = lane.mine, true
      elseif till and tonumber(till) >= now then
        head = { member = member, start = tonumber(page[2 * k]), units = tonumber(units), backlog = tonumber(backlog) }
      else
        table.insert(late, member)
      end
      if head then
        table.insert(lane.heads, head)
        lane.total = lane.total + head.units
      end
    end
    from = from + PAGE
  end
  for _, member in ipairs(late) do
    redis.call('ZREM', lane.key, member)
    redis.call('HDEL', STATE, lane.name .. ':' .. member)
  end
end

local function isBefore(head, mine)
  return head.start < mine.start or (head.start == mine.start and head.member < mine.member)
end

-- Units of a lane that go before this process, and of how many heads: of each head with an earlier start, and of those
-- behind it up to my start.
local function before(lane)
  local units, heads = 0, 0
  for _, head in ipairs(lane.heads) do
    if isBefore(head, lane.mine) then
      units = units + math.min(head.backlog, math.max(head.units, lane.mine.start - head.start))
      heads = heads + 1
    end
  end
  return units, heads
end

local function waiting(lane)
  local units = 0
  for _, head in ipairs(lane.heads) do units = units + head.backlog end
  return units
end

local function isDue(units)
  return state.credit >= units or (state.passedOver > 0 and now >= state.passedOver + PASSED_OVER)
end

-- When so many units have come free, if all requests in flight were answered now.
local releases
local function freeAt(lacking)
  if lacking <= 0 then return now end
  if lacking > state.releasing then return now + WINDOW end
  releases = releases or redis.call('ZRANGE', HELD, 0, SCAN - 1, 'WITHSCORES')
  for k = 1, #releases, 2 do
    lacking = lacking - (unitsOf(releases[k]) or 0)
    if lacking <= 0 then return tonumber(releases[k + 1]) end
  end
  return math.min(now + WINDOW, tonumber(releases[#releases]))
end

local function grant(lane, units)
  local mine = lane.mine
  used = used + units
  holds = holds + units
  state.open = state.open + units
  state[lane.name] = math.max(state[lane.name], mine.start)
  lane.granted = lane.granted + 1
  mine.start = math.max(state[lane.name], mine.start + units)
  mine.backlog = mine.backlog - units
  -- Those behind the calls that were asked for are asked for next.
  mine.units = lane.calls[lane.granted + 1] or math.min(1, mine.backlog)
  if lane == bulk then
    state.credit, state.passedOver = math.max(0, state.credit - units), 0
  elseif bulk.heads[1] then
    state.credit = state.credit + units / 4
    if state.passedOver == 0 then state.passedOver = now end
  end
end

-- Each returns when to ask again and before when the call cannot be granted; nothing when it was granted.
local function interactiveCall(units)
  local ahead, heads = before(interactive)
  local first = bulk.heads[1]
  local blocked = first and isDue(first.units)
  local lacking = used + ahead + units + (blocked and first.units or 0) - limit
  if interactive.isNear and not blocked and lacking <= 0 and now >= state.resumes then
    return grant(interactive, units)
  end
  local earliest = freeAt(lacking)
  return earliest, earliest, heads
end

local function bulkCall(units)
  local ahead, heads = before(bulk)
  local behind = waiting(interactive)
  local isTurn = behind == 0 or (ahead == 0 and isDue(units))
  local lacking = used + ahead + units - limit
  if bulk.isNear and lacking + (isTurn and 0 or behind) <= 0 and now >= state.resumes then return grant(bulk, units) end
  local earliest = freeAt(lacking)
  if isTurn then return earliest, earliest, heads end
  -- So many units of interactive go first: all that wait, or those that make bulk due.
  local turnAt = freeAt(lacking + math.min(behind, math.max(0, (ahead + units - state.credit) * 4)))
  if state.passedOver > 0 then turnAt = math.min(turnAt, math.max(earliest, state.passedOver + PASSED_OVER)) end
  return turnAt, earliest, heads
end

local function ask(lane, call)
  local retry, earliest, heads
  for _, units in ipairs(lane.calls) do
    retry, earliest, heads = call(units)
    if retry then break end
  end
  if retry and lane.isNear then
    if retry <= now then retry = now + SOON * (1 + heads / 8) end
    retry = math.min(retry, now + (heads < FIRST and POLL_FIRST or POLL))
  elseif retry then
    -- The whole quota goes first.
    local seconds = math.floor(redis.call('ZRANK', lane.key, process) / limit)
    retry, earliest = now + POLL * math.min(2, math.max(1, seconds)), now + WINDOW
  end
  if retry and now < state.resumes then retry, earliest = state.resumes, math.max(earliest, state.resumes) end
  lane.retry, lane.earliest = retry or now, earliest or now
  local mine = lane.mine
  if not mine then return end
  lane.start = mine.start
  if mine.units > 0 then
    redis.call('ZADD', lane.key, text(mine.start), process)
    local head = text(mine.units) .. ' ' .. text(mine.backlog) .. ' ' .. text(lane.retry + GRACE)
    redis.call('HSET', STATE, lane.name .. ':' .. process, head)
  else
    redis.call('ZREM', lane.key, process)
    redis.call('HDEL', STATE, lane.name .. ':' .. process)
  end
end

if asks then
  scan(interactive)
  scan(bulk)
end
ask(interactive, interactiveCall)
ask(bulk, bulkCall)
if redis.call('EXISTS', KEYS[4]) == 0 then state.credit, state.passedOver = 0, 0 end

state.revision, state.now = state.revision + 1, now
redis.call('ZADD', HELD, text(now + lease + WINDOW), process)
local written = { 'p:' .. process, ARGV[4] .. ' ' .. text(holds) }
for _, name in ipairs(names) do
  table.insert(written, name)
  table.insert(written, name == 'credit' and string.format('%.2f', state.credit) or text(state[name]))
end
redis.call('HSET', STATE, unpack(written))
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, KEEP_MS) end
local function lane(it) return { it.granted, text(it.start), it.retry - now, it.earliest - now } end
return { text(state.revision), used, math.max(0, state.resumes - now), lane(interactive), lane(bulk) }
`);
