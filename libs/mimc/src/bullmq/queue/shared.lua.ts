/**
 * What several scripts need. The keys come in the order of `FINISH_KEYS`: meta, pages, failed-order, failed, lost, active.
 */
export const SHARED_LUA = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Ends a broadcast that has nothing open any more: its keys stay for the retention time, which is the window in which
-- the same id means the same broadcast. Whoever no page accounts for, as one was dropped, may have got the message.
local function finish()
  if redis.call('HLEN', KEYS[2]) > 0 then return end
  local meta = redis.call('HMGET', KEYS[1], 'state', 'sealed', 'retentionMs', 'id', 'endedAt')
  if not meta[1] or meta[5] then return end
  if meta[1] ~= 'cancelled' then
    if meta[2] ~= '1' then return end
    redis.call('HSET', KEYS[1], 'state', 'done')
  end
  local counts = redis.call('HMGET', KEYS[1], 'position', 'accepted', 'refused', 'notSent', 'unknown', 'invalid')
  local missing = tonumber(counts[1])
  for count = 2, 6 do missing = missing - tonumber(counts[count] or 0) end
  if missing > 0 then redis.call('HINCRBY', KEYS[1], 'unknown', missing) end
  redis.call('HSET', KEYS[1], 'endedAt', now())
  redis.call('SREM', KEYS[6], meta[4])
  for key = 1, 5 do redis.call('PEXPIRE', KEYS[key], meta[3]) end
end

-- Counts a failure of MIMC, or of the way there. Too many in a row pause the broadcast.
local function failed(reason)
  local row = redis.call('HINCRBY', KEYS[1], 'failuresInARow', 1)
  local meta = redis.call('HMGET', KEYS[1], 'stopAfter', 'state')
  local limit = tonumber(meta[1])
  if limit > 0 and row >= limit and meta[2] == 'running' then
    redis.call('HSET', KEYS[1], 'state', 'paused', 'reason', reason)
  end
end
`;
