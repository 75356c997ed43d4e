import { LuaScript } from './lua-script.js';
import { SHARED_LUA } from './shared.lua.js';

/**
 * Begins a broadcast, or finds it begun. While its audience is not complete, whoever asks last is its producer: one that
 * is started again goes on, and one that was taken over writes no more.
 *
 * KEYS: meta, pages, failed-order, failed, lost, active. ARGV: digest of the message, id, producer, then fields and
 * values of meta. Returns whether the message is the same, the enqueue position, whether the audience is complete, and
 * the state.
 */
export const BEGIN = new LuaScript(`${SHARED_LUA}
local known = redis.call('HGET', KEYS[1], 'digest')
if not known then
  redis.call('HSET', KEYS[1], 'id', ARGV[2], 'digest', ARGV[1], 'state', 'running', 'sealed', '0', 'position', '0',
    'createdAt', now(), unpack(ARGV, 4))
  redis.call('SADD', KEYS[6], ARGV[2])
elseif known ~= ARGV[1] then
  return {'other'}
end
local meta = redis.call('HMGET', KEYS[1], 'position', 'sealed', 'state')
if meta[2] ~= '1' then redis.call('HSET', KEYS[1], 'producer', ARGV[3]) end
return {'same', meta[1], meta[2], meta[3]}
`);

/**
 * Writes a page of the audience and advances the position, in one step: a producer that dies leaves either both or none.
 * A command that its producer repeats finds the position advanced, and writes nothing.
 *
 * KEYS: meta, pages, failed-order, failed, lost, active, data of the page. ARGV: producer, from, to, chunks as JSON or
 * nothing, offset and record of each entry that is invalid as JSON. Returns the state, or `taken`, and the position.
 */
export const APPEND = new LuaScript(`
local meta = redis.call('HMGET', KEYS[1], 'state', 'sealed', 'position', 'producer')
if not meta[1] then return {'gone', '0'} end
if meta[1] == 'cancelled' then return {meta[1], meta[3]} end
if meta[4] ~= ARGV[1] then return {'taken', meta[3]} end
if meta[2] == '1' or meta[3] ~= ARGV[2] then return {meta[1], meta[3]} end
redis.call('HSET', KEYS[1], 'position', ARGV[3])
if ARGV[4] ~= '' then
  redis.call('SET', KEYS[7], ARGV[4])
  redis.call('HSET', KEYS[2], ARGV[2], '0')
end
local invalid = cjson.decode(ARGV[5])
if #invalid > 0 then redis.call('HINCRBY', KEYS[1], 'invalid', #invalid) end
for _, each in ipairs(invalid) do
  local member = 'invalid/' .. each[1]
  redis.call('ZADD', KEYS[3], each[1], member)
  redis.call('HSET', KEYS[4], member, each[2])
end
return {meta[1], ARGV[3]}
`);

/**
 * Marks the audience as complete.
 *
 * KEYS: meta, pages, failed-order, failed, lost, active. ARGV: producer, recipients read. Returns the state, or `taken`,
 * and the position.
 */
export const SEAL = new LuaScript(`${SHARED_LUA}
local meta = redis.call('HMGET', KEYS[1], 'state', 'position', 'producer')
if not meta[1] then return {'gone', '0'} end
if meta[1] ~= 'cancelled' and meta[3] ~= ARGV[1] then return {'taken', meta[2]} end
if meta[2] == ARGV[2] then
  redis.call('HSET', KEYS[1], 'sealed', '1')
  finish()
end
return {meta[1], meta[2]}
`);
