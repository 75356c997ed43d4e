import type { IncomingHttpHeaders } from 'node:http';
import type { EmulatorAnswer } from './answer.js';
import { topicIdText, type EmulatorRoute, type EmulatorTopicEndpoint } from './endpoint.js';
import type { EmulatorSettings } from './options.js';
import { EmulatorRefusal, invalid, optionalString, type Fields } from './request.js';
import type { EmulatedTopics } from './topics.js';
import { userOf } from './user.js';

/** A request about groups whose body was parsed, if it has one. */
export interface TopicRequest extends EmulatorRoute {
  readonly endpoint: EmulatorTopicEndpoint;
  readonly headers: Readonly<IncomingHttpHeaders>;
  readonly body: unknown;
}

/** A request with the right credentials, and who makes it. */
export interface ActingRequest extends TopicRequest {
  readonly actor: string;
}

/** What the operations on groups work with. */
export interface TopicParts {
  readonly settings: Pick<EmulatorSettings, 'credentials' | 'idForm' | 'maxTopicMembers' | 'membersPerPage'>;
  readonly topics: EmulatedTopics;
}

/** What an endpoint does; it throws an EmulatorRefusal for what may not be done. */
export type TopicOperation = (request: ActingRequest, parts: TopicParts) => EmulatorAnswer;

/** The id of a user, in the form that is switched on. */
export function uuidOf(account: string, settings: TopicParts['settings']): string | bigint {
  return idIn(userOf(settings.credentials.appId, account).uuid, settings);
}

/** Ids are text in all answers that were seen (docs/mimc-api.md §10 row 13). */
export function idIn(id: string, { idForm }: TopicParts['settings']): string | bigint {
  return idForm === 'number' ? BigInt(id) : id;
}

/** Those of these fields that are set; all are text. */
export function setFields<Name extends string>(fields: Fields, names: readonly Name[]): Partial<Record<Name, string>> {
  const given = names.map((name) => [name, optionalString(fields, name)]);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined)) as Partial<Record<Name, string>>;
}

/** What may not be done, in the words of the one that is documented, "quit topic fail" (docs/mimc-api.md §2). */
export function fail(verb: string): EmulatorRefusal {
  return new EmulatorRefusal(500, `${verb} topic fail`);
}

/** A topic id that travels in a header or a body. */
export function topicIdIn(value: unknown, field: string): string {
  const id = topicIdText(value);
  if (id === undefined) throw invalid(field, 'must be a positive 64-bit integer');
  return id;
}

/** Base64 where `appAccountEncode` says so (docs/mimc-api.md §5.1). */
export function actorOf(headers: Readonly<IncomingHttpHeaders>): string {
  const { appaccount: account, appaccountencode: encoding } = headers;
  if (typeof account !== 'string' || account === '') throw invalid('appAccount', 'must be a header that is not empty');
  return encoding === 'base64' ? Buffer.from(account, 'base64').toString() : account;
}
