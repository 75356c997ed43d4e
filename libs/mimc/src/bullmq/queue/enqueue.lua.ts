import { LuaScript } from './lua-script.js';
import { SHARED_LUA } from './shared.lua.js';

/**
 * Begins a broadcast, or finds it begun.
 *
 * KEYS: meta, pages, failed-order, failed, lost, active. ARGV: digest of the message, id, then fields and values of meta.
 * Returns whether the message is the same, the enqueue position, whether the audience is complete, and the state.
 */
export const BEGIN = new LuaScript(`${SHARED_LUA}
local known = redis.call('HGET', KEYS[1], 'digest')
if not known then
  redis.call('HSET', KEYS[1], 'id', ARGV[2], 'digest', ARGV[1], 'state', 'running', 'sealed', '0', 'position', '0',
    'createdAt', now(), unpack(ARGV, 3))
  redis.call('SADD', KEYS[6], ARGV[2])
elseif known ~= ARGV[1] then
  return {'other'}
end
local meta = redis.call('HMGET', KEYS[1], 'position', 'sealed', 'state')
return {'same', meta[1], meta[2], meta[3]}
`);

/**
 * Writes a page of the audience and advances the position, in one step: a producer that dies leaves either both or none.
 * One that finds the position advanced already, as a repeated command does, writes nothing.
 *
 * KEYS: meta, pages, failed-order, failed, lost, active, data of the page. ARGV: from, to, chunks as JSON or nothing,
 * recipients that are invalid, these as JSON, the first one's offset. Returns the state and the position.
 */
export const APPEND = new LuaScript(`
local meta = redis.call('HMGET', KEYS[1], 'state', 'sealed', 'position')
if not meta[1] then return {'gone', '0'} end
if meta[1] == 'cancelled' or meta[2] == '1' or meta[3] ~= ARGV[1] then return {meta[1], meta[3]} end
redis.call('HSET', KEYS[1], 'position', ARGV[2])
if ARGV[3] ~= '' then
  redis.call('SET', KEYS[7], ARGV[3])
  redis.call('HSET', KEYS[2], ARGV[1], '0')
end
if ARGV[5] ~= '' then
  local member = 'invalid/' .. ARGV[1]
  redis.call('HINCRBY', KEYS[1], 'invalid', ARGV[4])
  redis.call('ZADD', KEYS[3], ARGV[6], member)
  redis.call('HSET', KEYS[4], member, ARGV[5])
end
return {meta[1], ARGV[2]}
`);

/**
 * Marks the audience as complete.
 *
 * KEYS: meta, pages, failed-order, failed, lost, active. ARGV: recipients read. Returns the state and the position.
 */
export const SEAL = new LuaScript(`${SHARED_LUA}
local meta = redis.call('HMGET', KEYS[1], 'state', 'position')
if not meta[1] then return {'gone', '0'} end
if meta[2] == ARGV[1] then
  redis.call('HSET', KEYS[1], 'sealed', '1')
  finish()
end
return meta
`);
