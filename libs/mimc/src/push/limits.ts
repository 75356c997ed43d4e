import type { MimcEndpoint, MimcViolation } from '../errors/mimc-error.js';
import type { Recipients } from './body.js';
import type { PushMessageDto } from './push.dto.js';
import type { MimcSettings } from './settings.js';
import type { Checked } from './validation.js';

/** Which of the two quotas a push draws on (mimc-api.md §1.4). */
export type MimcQuotaKind = 'accounts' | 'topics';

/** Which quota an endpoint draws on. */
export function quotaOf(endpoint: MimcEndpoint): MimcQuotaKind {
  return endpoint.startsWith('p2p') ? 'accounts' : 'topics';
}

type Limits = Pick<MimcSettings, 'fromAccount' | 'maxMsgBytes' | 'quota'>;

/** What is wrong with a push by the module's options, in fields that keep the rules of the DTO. */
export function violationsOfLimits(
  { value: dto, violations }: Checked<PushMessageDto & Recipients>,
  limits: Limits,
): MimcViolation[] {
  if (dto === undefined) return [];
  const broken = new Set(violations.map(({ field }) => field));
  const found = [...missingSender(dto, limits), ...longMsg(dto, limits), ...heavyList(dto, limits)];
  return found.filter(({ field }) => !broken.has(field));
}

/** How many units of quota a second has for a kind; undefined when nothing is paced. */
export function unitsPerSecond(kind: MimcQuotaKind, quota: MimcSettings['quota']): number | undefined {
  if (quota === false) return undefined;
  return kind === 'accounts' ? quota.accountsPerSecond : quota.topicsPerSecond;
}

function missingSender(dto: PushMessageDto, { fromAccount }: Limits): MimcViolation[] {
  if (dto.fromAccount !== undefined || fromAccount !== undefined) return [];
  const message = 'fromAccount must be set, as the module has no default for it';
  return [{ field: 'fromAccount', rule: 'isNotEmpty', message }];
}

function longMsg({ msg, msgType }: PushMessageDto, { maxMsgBytes }: Limits): MimcViolation[] {
  const bytes = typeof msg === 'string' ? Buffer.byteLength(msg, msgType === 'base64' ? 'base64' : 'utf8') : 0;
  if (bytes <= maxMsgBytes) return [];
  return [{ field: 'msg', rule: 'maxMsgBytes', message: `msg must not be longer than ${maxMsgBytes} bytes` }];
}

/** A call is never split, and one that is heavier than the quota of a second could never go out. */
function heavyList(dto: Recipients, { quota }: Limits): MimcViolation[] {
  const lists = [
    { field: 'toAccounts', list: dto.toAccounts, kind: 'accounts' },
    { field: 'topicIds', list: dto.topicIds, kind: 'topics' },
  ] as const;
  return lists.flatMap(({ field, list, kind }) => {
    const most = unitsPerSecond(kind, quota);
    if (most === undefined || !Array.isArray(list) || list.length <= most) return [];
    const message = `${field} must not hold more than ${most} entries, the quota of a second; MimcBroadcastService takes more`;
    return [{ field, rule: 'quota', message }];
  });
}
