import { QUOTA_STATE } from './quota-state.lua.js';

/**
 * Requests were answered: their units free a second from now. ARGV: permits. One that Redis does not know, because its
 * lease ended or Redis lost it, holds its units from now on.
 */
export const SETTLE = `${QUOTA_STATE}
for _, permit in ipairs(ARGV) do hold(permit, now + WINDOW) end
save()
`;

/** Requests were never dispatched: their units are free now. ARGV: permits. */
export const CANCEL = `${QUOTA_STATE}
for _, permit in ipairs(ARGV) do
  if redis.call('ZREM', HELD, permit) == 1 then used = used - unitsOf(permit) end
end
save()
`;

/** Nobody waits behind a head any more. ARGV: its field. Its start stays, so that coming back gains nothing. */
export const LEAVE = `${QUOTA_STATE}
local start, units, backlog, till = string.match(redis.call('HGET', HEADS, ARGV[1]) or '', '(%S+) (%S+) (%S+) (%S+)')
if start then redis.call('HSET', HEADS, ARGV[1], start .. ' 0 0 ' .. till) end
save()
`;

/** Admits nothing for a time; the later end of two penalties wins. ARGV: milliseconds. */
export const PENALIZE = `${QUOTA_STATE}
resumes = math.max(resumes, now + math.ceil(tonumber(ARGV[1]) * 1000))
save()
`;
