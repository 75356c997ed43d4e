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
  const found = [
    missingSender(dto, limits),
    longMsg(dto, limits),
    heavyList('toAccounts', dto.toAccounts, unitsPerSecond('accounts', limits.quota)),
    heavyList('topicIds', dto.topicIds, unitsPerSecond('topics', limits.quota)),
  ];
  const isNews = (violation: MimcViolation | undefined): violation is MimcViolation =>
    violation !== undefined && !violations.some(({ field }) => field === violation.field);
  return found.filter(isNews);
}

/** How many units of quota a second has for a kind; undefined when nothing is paced. */
export function unitsPerSecond(kind: MimcQuotaKind, quota: MimcSettings['quota']): number | undefined {
  if (quota === false) return undefined;
  return kind === 'accounts' ? quota.accountsPerSecond : quota.topicsPerSecond;
}

function missingSender(dto: PushMessageDto, { fromAccount }: Limits): MimcViolation | undefined {
  if (dto.fromAccount !== undefined || fromAccount !== undefined) return undefined;
  const message = 'fromAccount must be set, as the module has no default for it';
  return { field: 'fromAccount', rule: 'isNotEmpty', message };
}

function longMsg({ msg, msgType }: PushMessageDto, { maxMsgBytes }: Limits): MimcViolation | undefined {
  const bytes = typeof msg === 'string' ? Buffer.byteLength(msg, msgType === 'base64' ? 'base64' : 'utf8') : 0;
  if (bytes <= maxMsgBytes) return undefined;
  return { field: 'msg', rule: 'maxMsgBytes', message: `msg must not be longer than ${maxMsgBytes} bytes` };
}

/** A call is never split, and one that is heavier than the quota of a second could never go out. */
function heavyList(field: string, list: unknown, most: number | undefined): MimcViolation | undefined {
  if (most === undefined || !Array.isArray(list) || list.length <= most) return undefined;
  const message = `${field} must not hold more than ${most} entries, the quota of a second; MimcBroadcastService takes more`;
  return { field, rule: 'quota', message };
}
