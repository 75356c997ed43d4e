import { LuaScript } from './lua-script.js';
import { SHARED_LUA } from './shared.lua.js';

/**
 * Moves a broadcast to another state, where that can be: `paused`, `running` or `cancelled`.
 *
 * KEYS: meta, pages, failed-order, failed, lost, active. ARGV: the state wanted. Returns the state it is in then.
 */
export const MOVE = new LuaScript(`${SHARED_LUA}
local state = redis.call('HGET', KEYS[1], 'state')
local from = { paused = { running = true }, running = { paused = true }, cancelled = { running = true, paused = true } }
if not state or not from[ARGV[1]][state] then return state end
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'failuresInARow', '0')
redis.call('HDEL', KEYS[1], 'reason')
if ARGV[1] == 'cancelled' then finish() end
return ARGV[1]
`);

/**
 * Takes a page off the workers while its broadcast is paused. Its next job has another id: one under the old id would be
 * ignored for as long as the job that parks the page is about to complete.
 *
 * KEYS: meta, pages. ARGV: page. Returns 1, or 0 when the broadcast is no longer paused.
 */
export const PARK = new LuaScript(`
if redis.call('HGET', KEYS[1], 'state') ~= 'paused' then return 0 end
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then redis.call('HINCRBY', KEYS[2], ARGV[1], 1) end
return 1
`);
