import { QUOTA_STATE } from './quota-state.lua.js';

/**
 * Asks for units for the calls at the head of one lane of one process, in their order.
 *
 * ARGV: limit, lease in microseconds, lane (`i` or `b`), process, the epoch the process knows or '', units that wait
 * behind these calls; then the permits asked for.
 *
 * Returns how many were granted and, for the first that was not: when to ask again and before when it cannot be granted,
 * both in microseconds from now; then units used, microseconds left of a penalty, and the epoch.
 */
export const ADMIT = `${QUOTA_STATE}
local POLL = 250000      -- most between two looks: a permit may be cancelled or a process die meanwhile
local SOON = 5000        -- somebody else is expected to come for units any moment
local GRACE = 1000000    -- a process this late to ask again no longer waits
local MEMORY = 10000000  -- how long the turn of a process that does not wait is remembered
local PASSED_OVER = 10000000

local limit, lease, lane, process = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local behind = tonumber(ARGV[6])
local FIRST = 7
local mine = lane .. process

-- Redis lost what it knew when this state began: whatever was on its way by then is over a second later.
if ARGV[5] ~= '' and ARGV[5] ~= epoch then resumes = math.max(resumes, tonumber(epoch) + WINDOW) end

-- Fair queueing by start time: the least start goes first; a grant moves its process on by the units granted.
local virtual = number('virtual:' .. lane)
local start = virtual
local heads = { i = {}, b = {} }
do
  local flat = redis.call('HGETALL', HEADS)
  for k = 1, #flat, 2 do
    local field = flat[k]
    local from, units, backlog, till = string.match(flat[k + 1], '(%S+) (%S+) (%S+) (%S+)')
    from, units, backlog, till = tonumber(from), tonumber(units), tonumber(backlog), tonumber(till)
    local waits = units > 0 and till >= now
    if field == mine then
      start = waits and from or math.max(virtual, from)
    elseif waits then
      table.insert(heads[string.sub(field, 1, 1)], { field = field, start = from, units = units, backlog = backlog })
    elseif till + MEMORY < now then
      redis.call('HDEL', HEADS, field)
    end
  end
end

local function isBefore(head, from, field) return head.start < from or (head.start == from and head.field < field) end

-- Units of my lane that go before me: of each head with an earlier start, and of those behind it up to my start.
local function unitsBefore()
  local units = 0
  for _, head in ipairs(heads[lane]) do
    if isBefore(head, start, mine) then
      units = units + math.min(head.backlog, math.max(head.units, start - head.start))
    end
  end
  return units
end

local function firstOf(list)
  local first
  for _, head in ipairs(list) do
    if not first or isBefore(head, first.start, first.field) then first = head end
  end
  return first
end

local firstBulk, firstInteractive = firstOf(heads.b), firstOf(heads.i)
local waitingInteractive = 0
for _, head in ipairs(heads.i) do waitingInteractive = waitingInteractive + head.backlog end

local function isDue(units)
  return credit >= units or (passedOver > 0 and now >= passedOver + PASSED_OVER)
end

-- Units to be free before a call of mine can go, with room kept for all who go before it; and whether it must wait
-- for bulk to take its turn whatever the room.
local function demandOf(units)
  local before = unitsBefore()
  if lane == 'i' then
    if firstBulk and isDue(firstBulk.units) then return before + units + firstBulk.units, true end
    return before + units, false
  end
  if before == 0 and isDue(units) then return units, false end
  return waitingInteractive + before + units, false
end

-- When so many units have come free, if all that is under way were answered now.
local function freeAt(lacking)
  local from = 0
  while lacking > 0 do
    local page = redis.call('ZRANGE', HELD, from, from + 49, 'WITHSCORES')
    if #page == 0 then return now + WINDOW end
    for k = 1, #page, 2 do
      local at = tonumber(page[k + 1])
      if at >= now + WINDOW then return now + WINDOW end
      lacking = lacking - unitsOf(page[k])
      if lacking <= 0 then return at end
    end
    from = from + 50
  end
  return now
end

local granted, demand, blocked, refused = 0, 0, false, nil
for k = FIRST, #ARGV do
  local units = unitsOf(ARGV[k])
  demand, blocked = demandOf(units)
  if now < resumes or blocked or used + demand > limit then
    refused = units
    break
  end
  hold(ARGV[k], now + lease + WINDOW)
  granted = granted + 1
  virtual = math.max(virtual, start)
  start = math.max(virtual, start + units)
  if lane == 'b' then
    credit, passedOver = math.max(0, credit - units), 0
  elseif firstBulk then
    credit = credit + units / 4
    if passedOver == 0 then passedOver = now end
  end
end

local retry, earliest, till, backlog = now, now, now, 0
if refused then
  backlog = behind
  for k = FIRST + granted, #ARGV do backlog = backlog + unitsOf(ARGV[k]) end
  -- Bulk may be due by the time it asks again, then interactive does not count; it becomes due by a grant to interactive.
  if lane == 'b' then
    earliest = freeAt(used + unitsBefore() + refused - limit)
    retry = earliest
    if waitingInteractive > 0 and not (unitsBefore() == 0 and isDue(refused)) then
      retry = math.max(retry, freeAt(used + firstInteractive.units - limit), now + SOON)
      if passedOver > 0 then retry = math.min(retry, math.max(passedOver + PASSED_OVER, now + SOON)) end
    end
  else
    earliest = freeAt(used + demand - limit)
    retry = earliest
    if blocked then retry = math.max(retry, now + SOON) end
  end
  retry = math.min(retry, now + POLL)
  if now < resumes then retry, earliest = resumes, math.max(earliest, resumes) end
  till = retry + GRACE
end
if not firstBulk and not (lane == 'b' and refused) then credit, passedOver = 0, 0 end

redis.call('HSET', HEADS, mine, text(start) .. ' ' .. (refused or 0) .. ' ' .. text(backlog) .. ' ' .. text(till))
redis.call('HSET', STATE, 'virtual:' .. lane, text(virtual))
save()
return { granted, retry - now, earliest - now, used, math.max(0, resumes - now), epoch }
`;
