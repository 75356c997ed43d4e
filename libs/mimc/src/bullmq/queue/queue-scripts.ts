import { RedisScript } from '../redis-script.js';

/*
 * What BullMQ lacks: a request leaves at most once, over crashes too. The state for this is in fields of the job's own hash,
 * so it is removed with the job:
 *
 *   claim            <run>:<from>:<to>, while this run of the job may be sending to these recipients
 *   part:<from>      the outcome of the recipients from <from> on, as JSON
 *   attempts:<from>  how many requests to them were attempted
 *   maybe            the ranges <from>:<to> of those that may have been sent but were not answered, one for each request
 *   cancelled        set on a single push that must not be sent any more
 *   reserved, adding:<nonce>  set instead of all others where a push to groups has this id; see RESERVE
 *
 * A broadcast also has a bitmap, with a bit for each settled part. It outlives the job, as a late producer may add a job
 * again after it was done and removed.
 *
 * A full Redis refuses a script at its first write, or runs it as a whole: what it accepts first, it does not refuse later.
 */

/**
 * Called right before a request leaves. Granted to the worker that holds BullMQ's lock, while the broadcast is running, unless
 * another run holds a claim without an outcome. One step, because a halted worker may come back at any moment. Returns the
 * number of attempts and `maybe`, or else why the claim is not granted.
 *
 * KEYS job, lock; of a broadcast also the set of running ones and its bitmap
 * ARGV token of the lock, run, from, to, 1 for at-least-once, 1 if the last attempt of this run was not answered; of a
 *      broadcast also its id and the bit
 */
export const CLAIM = new RedisScript(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 'lost' end
if #KEYS == 4 and redis.call('SISMEMBER', KEYS[3], ARGV[7]) == 0 then return 'stopped' end
local part, cancelled, claim, maybe = unpack(redis.call('HMGET', KEYS[1], 'part:' .. ARGV[3], 'cancelled', 'claim', 'maybe'))
if part then return 'settled' end
if #KEYS == 4 and redis.call('GETBIT', KEYS[4], ARGV[8]) == 1 then return 'gone' end
if cancelled then return 'cancelled' end
local ours = table.concat({ARGV[2], ARGV[3], ARGV[4]}, ':')
local isTaken = claim and claim ~= ours
if isTaken and ARGV[5] ~= '1' then return 'taken' end
redis.call('HSET', KEYS[1], 'claim', ours)
local unanswered = isTaken and string.match(claim, '%d+:%d+$') or ARGV[6] == '1' and ARGV[3] .. ':' .. ARGV[4]
if unanswered then
  maybe = maybe and maybe .. ' ' .. unanswered or unanswered
  redis.call('HSET', KEYS[1], 'maybe', maybe)
end
return {redis.call('HINCRBY', KEYS[1], 'attempts:' .. ARGV[3], 1), maybe or ''}
`);

/**
 * Called after an attempt that provably sent nothing. If the worker crashes from now on, another one sends the job.
 *
 * KEYS job
 * ARGV run, from, to
 */
export const RELEASE = new RedisScript(`
if redis.call('HGET', KEYS[1], 'claim') == table.concat(ARGV, ':') then redis.call('HDEL', KEYS[1], 'claim') end
`);

/**
 * Records the outcome of a part and counts it, in one step and once. Pauses a broadcast after too many consecutive failures,
 * and ends one with its last recipients. If a run that was presumed dead reports an outcome after all, this replaces the
 * `unknown` recorded for it.
 *
 * KEYS job, lock; of a single push also the set of ended pushes; of a broadcast its hash, the sets running, paused, cancelling,
 *      expiring, done, cancelled, expired, the set of ended broadcasts, and its bitmap
 * ARGV token of the lock, run, from, outcome as JSON; of a single push also its id and when it is forgotten; of a broadcast its
 *      id, recipients, count, now, reason to pause or nothing, consecutive failures that pause or 0, when it is forgotten,
 *      the bit, 1 if the whole job is accepted: BullMQ then removes the job, so its hash is not written
 */
export const SETTLE = new RedisScript(`
local part = 'part:' .. ARGV[3]
local job, known, claim, maybe = unpack(redis.call('HMGET', KEYS[1], 'data', part, 'claim', 'maybe'))
if not job then return 'gone' end
if known then
  local was = cjson.decode(known)
  if was.run ~= ARGV[2] then return 'settled' end
  if not was.givenUp then return 'ok' end
  redis.call('HSET', KEYS[1], part, ARGV[4])
  if #KEYS > 3 then
    redis.call('HINCRBY', KEYS[3], 'unknown', -tonumber(ARGV[6]))
    redis.call('HINCRBY', KEYS[3], ARGV[7], ARGV[6])
  end
  return 'ok'
end
local isOurs = claim and string.sub(claim, 1, #ARGV[2] + 1) == ARGV[2] .. ':'
local isLost = not isOurs and redis.call('GET', KEYS[2]) ~= ARGV[1]
if #KEYS > 3 then
  if isLost then return redis.call('GETBIT', KEYS[12], ARGV[12]) == 1 and 'gone' or 'lost' end
  if redis.call('SETBIT', KEYS[12], ARGV[12], 1) == 1 then return 'gone' end
elseif isLost then return 'lost' end
if ARGV[13] ~= '1' then
  redis.call('HSET', KEYS[1], part, ARGV[4])
  if claim and not isOurs then
    local range = string.match(claim, '%d+:%d+$')
    redis.call('HSET', KEYS[1], 'maybe', maybe and maybe .. ' ' .. range or range)
  end
  redis.call('HDEL', KEYS[1], 'claim')
end
if #KEYS == 3 then
  redis.call('ZADD', KEYS[3], ARGV[6], ARGV[5])
  return 'ok'
end

local meta, id = KEYS[3], ARGV[5]
redis.call('HINCRBY', meta, ARGV[7], ARGV[6])
local counts = redis.call('HMGET', meta, 'sealed', 'accepted', 'refused', 'notSent', 'unknown', 'invalid', 'inARow')
if ARGV[7] == 'accepted' then
  if counts[7] then redis.call('HDEL', meta, 'inARow') end
elseif ARGV[9] ~= '' then
  local inARow = redis.call('HINCRBY', meta, 'inARow', 1)
  local limit = tonumber(ARGV[10])
  if limit > 0 and inARow >= limit and redis.call('SMOVE', KEYS[4], KEYS[5], id) == 1 then
    redis.call('HSET', meta, 'pausedBy', ARGV[9])
  end
end
local left = tonumber(string.match(counts[1] or '', '^%d+') or '-1')
for i = 2, 6 do left = left - tonumber(counts[i] or '0') end
if left == 0 then
  for i = 4, 7 do redis.call('SMOVE', KEYS[i], KEYS[math.max(i + 3, 8)], id) end
  redis.call('HSET', meta, 'endedAt', ARGV[8])
  redis.call('HDEL', meta, 'pausedBy')
  redis.call('ZADD', KEYS[11], ARGV[11], id)
end
return 'ok'
`);

/**
 * Pauses a broadcast and records why, so that it is never paused without a reason. It begins with SMOVE, which a full Redis
 * accepts, so it runs as a whole.
 *
 * KEYS the sets running and paused, hash of the broadcast
 * ARGV id, reason as JSON
 */
export const PAUSE = new RedisScript(`
if redis.call('SMOVE', KEYS[1], KEYS[2], ARGV[1]) == 1 then redis.call('HSET', KEYS[3], 'pausedBy', ARGV[2]) end
`);

/**
 * Cancels a single push: nothing more of it leaves. If no request is in flight, it is settled at once.
 *
 * KEYS job, the set of ended pushes
 * ARGV outcome as JSON, outcome as JSON if an earlier attempt may have been sent, id, when it is forgotten
 */
export const CANCEL = new RedisScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return end
redis.call('HSET', KEYS[1], 'cancelled', '1')
if redis.call('HEXISTS', KEYS[1], 'claim') == 1 then return end
local outcome = redis.call('HEXISTS', KEYS[1], 'maybe') == 1 and ARGV[2] or ARGV[1]
if redis.call('HSETNX', KEYS[1], 'part:0', outcome) == 1 then redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3]) end
`);

/**
 * Reserves ids for pushes to groups, up to the first that a push to accounts has; returns how many. A reservation occupies the
 * key of that push's job, and BullMQ ignores a job whose key exists, so an id names one push over both queues. It is removed
 * with the push, but not while a producer is adding it; one that died is waited for a day.
 *
 * KEYS the set of ended pushes, for each push the job that a push to accounts with its id would have
 * ARGV a day from now; for each push its id and the nonce of who adds it
 */
export const RESERVE = new RedisScript(`
for i = 2, #KEYS do
  if redis.call('HEXISTS', KEYS[i], 'data') == 1 then return i - 2 end
  local id, nonce = ARGV[2 * i - 2], ARGV[2 * i - 1]
  redis.call('HSET', KEYS[i], 'reserved', '1', 'adding:' .. nonce, ARGV[1])
  redis.call('ZADD', KEYS[1], 'NX', ARGV[1], id)
end
return #KEYS - 1
`);

/**
 * Registers a broadcast unless the id is known. One step, so that a cancelled broadcast does not begin again. Answers `leaving`
 * while an earlier one with this id is being forgotten. What else is left under an unknown id was written by a late process.
 *
 * KEYS hash of the broadcast, its bitmap, its record, the set of ended broadcasts, the set enqueuing, all other sets of states
 * ARGV id, plan as JSON
 */
export const BEGIN = new RedisScript(`
local isKnown = false
for i = 5, #KEYS do isKnown = isKnown or redis.call('SISMEMBER', KEYS[i], ARGV[1]) == 1 end
if not isKnown then
  if redis.call('ZSCORE', KEYS[4], ARGV[1]) then return 'leaving' end
  redis.call('SADD', KEYS[5], ARGV[1])
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
end
redis.call('HSETNX', KEYS[1], 'plan', ARGV[2])
return redis.call('HMGET', KEYS[1], 'plan', 'sealed')
`);

/**
 * Called before jobs are added. Records their digests, unless the audience is complete (`sealed`) or another one is recorded
 * (`other`). Several producers may add jobs at the same time, but only jobs of the recorded audience.
 *
 * KEYS hash of the broadcast, the set enqueuing, the record
 * ARGV id, position of the digests in the record, digests, entries read
 */
export const RECORD = new RedisScript(`
local isEnqueuing = redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1
if not isEnqueuing then return redis.call('HEXISTS', KEYS[1], 'sealed') == 1 and 'sealed' or 'cancelled' end
local at = tonumber(ARGV[2])
if redis.call('STRLEN', KEYS[3]) < at then return 'lost' end
local known = redis.call('GETRANGE', KEYS[3], at, at + #ARGV[3] - 1)
if known ~= string.sub(ARGV[3], 1, #known) then return 'other' end
redis.call('SETRANGE', KEYS[3], at, ARGV[3])
redis.call('HSET', KEYS[1], 'read', ARGV[4])
return 'recorded'
`);

/**
 * Completes the recorded audience, once, and moves the broadcast to its next state. One step, so that a paused broadcast does
 * not run for a moment. Returns the audience stored for this id, or `other` or `cancelled`.
 *
 * KEYS hash of the broadcast, the set enqueuing, the next set, the next set if it was paused, the record
 * ARGV id, the audience, length of its record, its last digest
 */
export const SEAL = new RedisScript(`
local sealed = redis.call('HGET', KEYS[1], 'sealed')
if sealed then return sealed end
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 then return 'cancelled' end
local length = tonumber(ARGV[3])
local last = redis.call('GETRANGE', KEYS[5], length - #ARGV[4], -1)
if redis.call('STRLEN', KEYS[5]) ~= length or last ~= ARGV[4] then return 'other' end
redis.call('HSET', KEYS[1], 'sealed', ARGV[2])
local isHeld = redis.call('HEXISTS', KEYS[1], 'held') == 1
redis.call('SMOVE', KEYS[2], isHeld and KEYS[4] or KEYS[3], ARGV[1])
redis.call('DEL', KEYS[5])
return ARGV[2]
`);

/**
 * Discards the outcome of some parts, so that they are sent again. `maybe` keeps an `unknown` from ending as not sent; it
 * counts as one request, so that at-least-once begins its attempts anew.
 *
 * KEYS job, hash of the broadcast, its bitmap
 * ARGV for each part: from, outcome, count, recipients, bit
 */
export const REOPEN = new RedisScript(`
for i = 1, #ARGV, 5 do
  local part = redis.call('HGET', KEYS[1], 'part:' .. ARGV[i])
  if part and cjson.decode(part).outcome == ARGV[i + 1] then
    redis.call('HINCRBY', KEYS[2], ARGV[i + 2], -tonumber(ARGV[i + 3]))
    redis.call('SETBIT', KEYS[3], ARGV[i + 4], 0)
    if ARGV[i + 1] == 'unknown' then
      local from, to = tonumber(ARGV[i]), ARGV[i] + ARGV[i + 3]
      local ranges = {string.format('%d:%d', from, to)}
      for a, b in string.gmatch(redis.call('HGET', KEYS[1], 'maybe') or '', '(%d+):(%d+)') do
        if tonumber(a) < from or tonumber(b) > to then ranges[#ranges + 1] = a .. ':' .. b end
      end
      redis.call('HSET', KEYS[1], 'maybe', table.concat(ranges, ' '))
    end
    redis.call('HDEL', KEYS[1], 'part:' .. ARGV[i])
  end
end
`);

/**
 * Reads a broadcast and its state at one moment. A script, because a full Redis refuses MULTI.
 *
 * KEYS hash of the broadcast, sets
 * ARGV broadcast
 */
export const READ = new RedisScript(`
local isIn = {}
for i = 2, #KEYS do isIn[i - 1] = redis.call('SISMEMBER', KEYS[i], ARGV[1]) end
return {redis.call('HGETALL', KEYS[1]), isIn}
`);
