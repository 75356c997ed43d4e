import { RedisScript } from '../redis-script.js';

/*
 * How what has ended is forgotten, though processes die halfway and Redis is full. The score of an id in the sorted set of what
 * has ended is when it is due. A process takes an id by making it due again later, which also names that process: as long as
 * the score is still the one that it wrote, nobody else has taken the id. A broadcast with a score but without a state is
 * being forgotten.
 *
 * Each script begins with a write that a full Redis accepts, so it runs as a whole.
 */

/**
 * Records the end of a broadcast, unless it is in no final state: it was reopened, or is being forgotten.
 *
 * KEYS the set of ended broadcasts, hash of the broadcast, the sets done, cancelled and expired
 * ARGV id, now, when it is due to be forgotten
 */
export const END = new RedisScript(`
local isEnded = false
for i = 3, #KEYS do isEnded = isEnded or redis.call('SISMEMBER', KEYS[i], ARGV[1]) == 1 end
if not isEnded then return end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], 'endedAt', ARGV[2])
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
`);

/**
 * Takes what is due to be forgotten. A broadcast leaves its final state, so that nobody reads or reopens it any more; one that
 * was reopened before is not taken. Returns 1 if it is taken.
 *
 * KEYS the set of ended pushes or broadcasts; of a broadcast also the sets done, cancelled and expired, all other sets of states
 * ARGV id, now, when it is due again in case this process dies
 */
export const TAKE = new RedisScript(`
local dueAt = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not dueAt or tonumber(dueAt) > tonumber(ARGV[2]) then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
for i = 5, #KEYS do
  if redis.call('SISMEMBER', KEYS[i], ARGV[1]) == 1 then return 0 end
end
for i = 2, #KEYS do redis.call('SREM', KEYS[i], ARGV[1]) end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1
`);

/**
 * Forgets a push that was taken: its jobs that have ended, and its reservation unless a producer is adding it again. Leaves
 * everything as it is, due again later, while a worker holds the lock of such a job. BullMQ has a method for a job, but it does
 * not check whether the id is still ours. Nearly all jobs are in the first set; in a list BullMQ has the oldest last.
 *
 * KEYS the set of ended pushes, the reservation, job of the push to groups; for each job that has ended its hash, its lock, the
 *      sets completed, failed, delayed and prioritized, the lists wait, paused and active
 * ARGV id, when {@link TAKE} made it due again, now; for each job that has ended its data, which nobody changes
 */
export const FORGET_PUSH = new RedisScript(`
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0) ~= tonumber(ARGV[2]) then return end
for i = 4, #ARGV do
  local job = 9 * i - 32
  if redis.call('HGET', KEYS[job], 'data') ~= ARGV[i] or redis.call('EXISTS', KEYS[job + 1]) == 1 then return end
end
redis.call('ZREM', KEYS[1], ARGV[1])
local function leave(job)
  for i = job + 2, job + 5 do if redis.call('ZREM', KEYS[i], ARGV[1]) == 1 then return end end
  for i = job + 6, job + 8 do if redis.call('LREM', KEYS[i], -1, ARGV[1]) == 1 then return end end
end
for job = 4, #KEYS, 9 do
  leave(job)
  redis.call('DEL', KEYS[job])
  for _, part in ipairs({'logs', 'dependencies', 'processed', 'failed', 'unsuccessful'}) do
    redis.call('DEL', KEYS[job] .. ':' .. part)
  end
end
if redis.call('HEXISTS', KEYS[2], 'reserved') == 0 or redis.call('EXISTS', KEYS[3]) == 1 then return end
local fields, last = redis.call('HGETALL', KEYS[2]), ARGV[3]
for i = 1, #fields, 2 do
  if string.find(fields[i], '^adding:') and tonumber(fields[i + 1]) > tonumber(last) then last = fields[i + 1] end
end
if last == ARGV[3] then redis.call('DEL', KEYS[2]) else redis.call('ZADD', KEYS[1], last, ARGV[1]) end
`);

/**
 * Forgets some jobs of a broadcast that was taken, and the broadcast itself once they are gone. BullMQ has a method for the
 * jobs, but it begins with a write that a full Redis refuses, and does not check whether the id is still ours.
 *
 * KEYS the set of ended broadcasts, hash of the broadcast, its bitmap, its record, all keys of its BullMQ queue but the jobs
 * ARGV id, when it was made due again, when it is due again now, how the keys of its jobs begin, most jobs to remove
 *
 * Returns 1 if there may be more.
 */
export const FORGET_BROADCAST = new RedisScript(`
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0) ~= tonumber(ARGV[2]) then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
local left = tonumber(ARGV[5])
for i = 5, #KEYS do
  local kind, ids = redis.call('TYPE', KEYS[i]).ok, {}
  if kind == 'list' then
    ids = redis.call('LRANGE', KEYS[i], 0, left - 1)
    redis.call('LTRIM', KEYS[i], #ids, -1)
  elseif kind == 'zset' then
    ids = redis.call('ZRANGE', KEYS[i], 0, left - 1)
    redis.call('ZREMRANGEBYRANK', KEYS[i], 0, left - 1)
  end
  for _, id in ipairs(ids) do redis.call('DEL', ARGV[4] .. id, ARGV[4] .. id .. ':lock') end
  left = left - #ids
  if left == 0 then
    redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
    return 1
  end
end
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
return 0
`);
