import type { MimcTopicEndpoint, MimcViolation } from '../errors/mimc-error.js';
import { accepted, apiCall, checkCallOptions, type MimcCallOptions } from '../push/api-call.js';
import type { CallId, PreparedCall } from '../push/call-factory.js';
import type { MimcSettings } from '../push/settings.js';
import { isRead, pathOf } from '../transport/endpoints.js';
import { isHeaderText } from '../transport/header-text.js';
import type { ReplyReader } from '../transport/reply.js';
import { check } from '../validation/check.js';
import type { TopicId } from '../validation/push-rules.js';

/** A request about a group, made from a valid DTO. */
export interface TopicRequest<T> {
  /** The acting account. */
  account: string;
  topicId?: TopicId | undefined;
  /** Accounts in the query string. */
  accounts?: readonly string[];
  /** The page of members that is asked for. */
  startUuid?: string;
  body?: object;
  read: ReplyReader<T>;
}

/** What a caller passed, and how to make a request from it. */
export interface TopicOperation<D extends object, T> {
  type: new () => D;
  given: unknown;
  options: MimcCallOptions | undefined;
  /** Checks that concern several fields. */
  violationsOf?: (dto: D) => readonly MimcViolation[];
  request: (dto: D) => TopicRequest<T>;
}

/**
 * The call of an operation on a group. Credentials and the acting account travel in headers; the id of the app and that of
 * the group in the path, or for unlimited groups in headers too (docs/mimc-api.md §5, §6).
 *
 * @throws MimcError `MIMC_INVALID`
 */
export function topicCall<D extends object, T>(
  id: CallId<MimcTopicEndpoint>,
  { type, given, options, violationsOf, request }: TopicOperation<D, T>,
  settings: MimcSettings,
): PreparedCall<T> {
  const { value: limits = {}, violations } = checkCallOptions(options);
  const checked = check(type, given, '', 'The group');
  const ofDto = checked.value !== undefined && checked.violations.length === 0 ? violationsOf?.(checked.value) : [];
  const { account, topicId, accounts, startUuid, body, read } = request(
    accepted(checked, [...(ofDto ?? []), ...violations], settings, id),
  );
  const isUnlimited = id.endpoint.startsWith('uctopic/');
  const { appId } = settings;
  const group: Record<string, string> = topicId === undefined ? {} : { topicId: String(topicId) };
  const headed = {
    path: pathOf(id.endpoint, { appId, ...group }) + queryOf(accounts),
    headers: {
      ...(isUnlimited && { appId, ...group }),
      ...actorOf(account),
      ...(startUuid !== undefined && { startUuid }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  };
  return apiCall(id, { headed, read }, limits, settings, isRead(id.endpoint));
}

/** The violation of an update that changes nothing. */
export function nothingSet(dto: object, fields: readonly string[]): MimcViolation[] {
  if (fields.some((field) => (dto as Record<string, unknown>)[field] !== undefined)) return [];
  return [{ field: '', rule: 'isNotEmpty', message: `One of ${fields.join(', ')} must be set` }];
}

/** Commas separate the accounts, so an account must not contain one (docs/mimc-api.md §5.2). */
function queryOf(accounts: readonly string[] | undefined): string {
  return accounts === undefined ? '' : `?accounts=${accounts.map((account) => encodeURIComponent(account)).join(',')}`;
}

/** Text that is not allowed in a header is sent as Base64 of its UTF-8 (docs/mimc-api.md §5.1). */
function actorOf(account: string): Record<string, string> {
  if (isHeaderText(account)) return { appAccount: account };
  return { appAccount: Buffer.from(account).toString('base64'), appAccountEncode: 'base64' };
}
