/**
 * What every script of the limiter begins with: it reads the state of a bucket, sets the clock and frees expired units.
 *
 * KEYS[1], a hash: the clock, the units held, the end of a penalty, the lanes' virtual times, bulk's credit
 * KEYS[2], a sorted set: the permits that hold units, as `units:process:number`, by the time they expire
 * KEYS[3], a hash: the heads that wait, one for each process and lane, as `start units backlog till`
 *
 * All times are microseconds on the clock of the bucket.
 */
export const QUOTA_STATE = `
local STATE, HELD, HEADS = KEYS[1], KEYS[2], KEYS[3]
local WINDOW = 1000000
local IDLE_MS = 60000

local state = {}
do
  local flat = redis.call('HGETALL', STATE)
  for k = 1, #flat, 2 do state[flat[k]] = flat[k + 1] end
end

local function number(name) return tonumber(state[name] or '0') end
-- Lua would write 1.7e+15
local function text(n) return string.format('%.0f', n) end
local function unitsOf(permit) return tonumber(string.match(permit, '^%d+')) end

-- The later of TIME and the last time seen. A step back of more than a second would stop everything for as long, so the
-- clock of the bucket goes on from where it was and stays ahead of TIME from then on.
local time = redis.call('TIME')
local offset = number('offset')
local now = time[1] * 1000000 + time[2] + offset
local seen = number('now')
if now < seen - WINDOW then offset = offset + seen - now end
now = math.max(now, seen)

-- Tells this state from one made after Redis lost it.
local epoch = state.epoch or text(now)
local resumes = number('resumes')
local credit, passedOver = number('credit'), number('passedOver')

local used = number('used')
do
  local expired = redis.call('ZRANGEBYSCORE', HELD, '-inf', text(now))
  for _, permit in ipairs(expired) do used = used - unitsOf(permit) end
  if #expired > 0 then redis.call('ZREMRANGEBYSCORE', HELD, '-inf', text(now)) end
  if redis.call('EXISTS', HELD) == 0 then used = 0 end
end

-- Holds the units of a permit until then, and no unit twice, although a command may have been sent again.
local function hold(permit, freeAt)
  if redis.call('ZADD', HELD, text(freeAt), permit) == 1 then used = used + unitsOf(permit) end
end

-- Writes the state; all keys expire together, a minute after the last of them can matter.
local function save()
  local last = redis.call('ZRANGE', HELD, -1, -1, 'WITHSCORES')
  local busyTill = math.max(now, resumes, tonumber(last[2] or '0'))
  local ttl = math.ceil((busyTill - now) / 1000) + IDLE_MS
  redis.call('HSET', STATE, 'epoch', epoch, 'now', text(now), 'offset', text(offset), 'used', text(used),
    'resumes', text(resumes), 'credit', string.format('%.2f', credit), 'passedOver', text(passedOver))
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, text(ttl)) end
end
`;
