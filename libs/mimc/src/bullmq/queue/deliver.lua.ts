import { LuaScript } from './lua-script.js';
import { SHARED_LUA } from './shared.lua.js';

/**
 * Opens a page for one run of its job and gives that run a fencing token, higher than any before: from now on, a run
 * that was believed dead can claim no further chunk of it.
 *
 * A page whose data was removed or evicted is dropped: nobody can send it, and who of it got the message is not known.
 *
 * KEYS: meta, pages, failed-order, failed, lost, active, data, chunks. ARGV: page, run. Returns the token, the chunks as
 * JSON, and kind, message, delivery and attempts of the broadcast; `dropped`; or nothing when the page is settled or has
 * another job.
 */
export const OPEN = new LuaScript(`${SHARED_LUA}
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return nil end
local data = redis.call('GET', KEYS[7])
if not data then
  redis.call('UNLINK', KEYS[8])
  redis.call('HDEL', KEYS[2], ARGV[1])
  finish()
  return 'dropped'
end
local token = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HSET', KEYS[8], 'holder', token)
local meta = redis.call('HMGET', KEYS[1], 'kind', 'message', 'delivery', 'maxAttempts')
return {token, data, meta[1], meta[2], meta[3], meta[4]}
`);

/**
 * Claims a chunk: the intent to send it, which the first claimant wins for good. Asking again with the same token, as a
 * repeated command does, is granted: a run asks once for each chunk, and sends only when it is told so.
 *
 * A claim by another token belongs to a run that is dead or stalled, as this one could not hold the page otherwise. It
 * may have sent: with at-most-once delivery nobody claims the chunk again.
 *
 * KEYS: meta, chunks. ARGV: token, chunk. Returns one of
 * claimed + attempt | settled | stale (the page has another run) | paused | cancelled | abandoned + token of that claim.
 */
export const CLAIM = new LuaScript(`
if redis.call('HGET', KEYS[2], 'holder') ~= ARGV[1] then return {'stale', '0'} end
local own = 'claim:' .. ARGV[1]
local chunk = redis.call('HGET', KEYS[2], ARGV[2])
local tries = 'tries:' .. ARGV[2]
if chunk == 'settled' then return {'settled', '0'} end
if chunk == own then return {'claimed', redis.call('HGET', KEYS[2], tries)} end
local meta = redis.call('HMGET', KEYS[1], 'state', 'delivery', 'maxAttempts')
if chunk then
  local spent = tonumber(redis.call('HGET', KEYS[2], tries)) >= tonumber(meta[3])
  if meta[2] ~= 'at-least-once' or spent then return {'abandoned', string.sub(chunk, 7)} end
end
if meta[1] ~= 'running' then
  -- A chunk that may have been sent is not told to be unsent.
  if chunk and meta[1] == 'cancelled' then return {'abandoned', string.sub(chunk, 7)} end
  return {meta[1], '0'}
end
redis.call('HSET', KEYS[2], ARGV[2], own)
return {'claimed', redis.call('HINCRBY', KEYS[2], tries, 1)}
`);

/**
 * Writes what became of a chunk, once. By `own` the holder of its claim reports; `abandoned` gives up another one's
 * claim as unknown; `dropped` settles what nobody claimed, as the broadcast is cancelled. When the holder of a claim that
 * was given up is heard of after all, its report takes the place of `unknown`.
 *
 * KEYS: meta, pages, failed-order, failed, lost, active, data, chunks. ARGV: 1 page, 2 chunk, 3 token, 4 by, 5 outcome
 * (a count of meta), 6 recipients, 7 offset, 8 chunks of the page, 9 record of a failure as JSON, 10 reason of a pause.
 * Returns settled | corrected | fenced.
 */
export const SETTLE = new LuaScript(`${SHARED_LUA}
local member = ARGV[1] .. '/' .. ARGV[2]
local by, outcome, recipients = ARGV[4], ARGV[5], ARGV[6]
local chunk = redis.call('HGET', KEYS[8], ARGV[2])

if by == 'own' and redis.call('HGET', KEYS[5], member) == ARGV[3] then
  redis.call('HDEL', KEYS[5], member)
  redis.call('HINCRBY', KEYS[1], 'unknown', -recipients)
  redis.call('HINCRBY', KEYS[1], outcome, recipients)
  if outcome == 'accepted' then
    redis.call('ZREM', KEYS[3], member)
    redis.call('HDEL', KEYS[4], member)
  else
    redis.call('HSET', KEYS[4], member, ARGV[9])
  end
  return 'corrected'
end

local expected = by ~= 'dropped' and 'claim:' .. ARGV[3]
if chunk ~= expected then return 'fenced' end
-- A released chunk has no claim; without a page there is nothing to drop either.
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 'fenced' end

redis.call('HSET', KEYS[8], ARGV[2], 'settled')
redis.call('HINCRBY', KEYS[1], outcome, recipients)
if outcome == 'accepted' then
  redis.call('HSET', KEYS[1], 'failuresInARow', '0')
else
  redis.call('ZADD', KEYS[3], ARGV[7], member)
  redis.call('HSET', KEYS[4], member, ARGV[9])
  if by == 'own' then failed(ARGV[10]) end
  if by == 'abandoned' then redis.call('HSET', KEYS[5], member, ARGV[3]) end
end

if redis.call('HINCRBY', KEYS[8], 'ended', 1) == tonumber(ARGV[8]) then
  redis.call('UNLINK', KEYS[7], KEYS[8])
  redis.call('HDEL', KEYS[2], ARGV[1])
  finish()
end
return 'settled'
`);

/**
 * Gives a claim back, as its request provably did nothing: the chunk may be claimed again.
 *
 * KEYS: meta, chunks. ARGV: chunk, token, reason of a pause, or nothing when the attempt is not to count. Returns 1, or 0
 * when the claim was given up before.
 */
export const RELEASE = new LuaScript(`${SHARED_LUA}
if redis.call('HGET', KEYS[2], ARGV[1]) ~= 'claim:' .. ARGV[2] then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
if ARGV[3] == '' then
  redis.call('HINCRBY', KEYS[2], 'tries:' .. ARGV[1], -1)
else
  failed(ARGV[3])
end
return 1
`);
