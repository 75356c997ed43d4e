import { mustBe, type Rule } from './rules.js';

/**
 * A group's id, a 64-bit integer that a JavaScript number cannot hold (docs/mimc-api.md §8): a decimal string, a bigint, or a
 * number that is a safe integer. From 1 to 9223372036854775807.
 */
export type TopicId = string | bigint | number;

/** The most recipients one call takes; what the quota of a second allows is usually far less. */
export const MAX_RECIPIENTS = 10_000;

/** The longest account, resource or `bizType`, in UTF-16 code units: a limit of ours, as MIMC documents none. */
export const MAX_NAME_LENGTH = 256;

/** Control characters, line and paragraph separators, and the byte order mark: left over from reading a file. */
const NOT_IN_ACCOUNT = /[\p{Cc}\u2028\u2029\uFEFF]/u;

const MAX_INT64 = 9_223_372_036_854_775_807n;

/**
 * What an account must be. MIMC creates an account that it does not know (docs/mimc-api.md §1.6), so a message to an account
 * with leftovers of a file's line in it is accepted and reaches nobody.
 */
export const accountRule: Rule = {
  name: 'isAccount',
  test: (value) => typeof value === 'string' && value !== '' && isShort(value) && !NOT_IN_ACCOUNT.test(value),
  must: `must be a string of 1 to ${MAX_NAME_LENGTH} characters, without control characters, line breaks or a byte order mark`,
};

/** Half a surrogate pair: UTF-8 has no form for it, so that a header or a URL would name another account. */
const HALF_PAIR = /\p{Cs}/u;

/** An account that acts on a group: it travels in a header. */
export const actorRule: Rule = {
  name: 'isAccount',
  test: (value) => accountRule.test(value) && !HALF_PAIR.test(String(value)),
  must: `${accountRule.must}, and well-formed Unicode`,
};

/** An account in a list that MIMC wants joined by commas (docs/mimc-api.md §5). */
const listedAccountRule: Rule = {
  name: 'isListedAccount',
  test: (value) => actorRule.test(value) && !String(value).includes(','),
  must: `${actorRule.must}, and without commas, by which MIMC separates accounts`,
};

/** A message in a list; whether it must be Base64 depends on `msgType`, next to the list. */
const messageRule: Rule = {
  name: 'isNotEmpty',
  test: (value) => typeof value === 'string' && value !== '',
  must: 'must be a string that is not empty',
};

/** What a topic id must be. */
export const topicIdRule: Rule = {
  name: 'isTopicId',
  test: isTopicId,
  must: 'must be a topic id: a decimal string, a bigint or a safe integer, from 1 to 9223372036854775807',
};

/**
 * The rules of lists by the name of their constraint. They can say which element breaks them, which class-validator's
 * `each` cannot.
 */
export const elementRules: ReadonlyMap<string, Rule> = new Map([
  ['eachIsAccount', accountRule],
  ['eachIsListedAccount', listedAccountRule],
  ['eachIsMessage', messageRule],
  ['eachIsTopicId', topicIdRule],
]);

/** The value is an account. */
export const IsAccount = () => mustBe(accountRule);

/** Every element is an account. */
export const EachIsAccount = () => eachMust('eachIsAccount', accountRule);

/** The value is an account that can act on a group. */
export const IsActor = () => mustBe(actorRule);

/** Every element is an account that can stand in a list joined by commas. */
export const EachIsListedAccount = () => eachMust('eachIsListedAccount', listedAccountRule);

/** Every element is a text that is not empty. */
export const EachIsMessage = () => eachMust('eachIsMessage', messageRule);

/** The value is a topic id. */
export const IsTopicId = () => mustBe(topicIdRule);

/** Every element is a topic id. */
export const EachIsTopicId = () => eachMust('eachIsTopicId', topicIdRule);

/** An account, a resource or a `bizType` is not too long. */
export const IsShort = () =>
  mustBe({
    name: 'maxLength',
    test: (value) => typeof value === 'string' && isShort(value),
    must: `must not be longer than ${MAX_NAME_LENGTH} characters`,
    constraints: [MAX_NAME_LENGTH],
  });

/** Base64 (RFC 4648 §4) when the DTO's `msgType` is `base64`; anything otherwise. */
export const IsMsg = () =>
  mustBe({
    name: 'isBase64',
    test: (value, dto) => !isBinary(dto) || (typeof value === 'string' && isBase64(value)),
    must: 'must be base64 when msgType is base64',
  });

/** The indices of the elements that break `rule`, holes included, at most `limit` of them. */
export function brokenIndices(list: readonly unknown[], { test }: Rule, limit: number): number[] {
  const broken: number[] = [];
  for (let index = 0; index < list.length && broken.length < limit; index++) {
    if (!test(list[index])) broken.push(index);
  }
  return broken;
}

function eachMust(name: string, rule: Rule): PropertyDecorator {
  // `@IsArray()` reports non-arrays.
  const firstBroken = (value: unknown) => (Array.isArray(value) ? brokenIndices(value, rule, 1)[0] : undefined);
  return mustBe({
    name,
    test: (value) => firstBroken(value) === undefined,
    must: rule.must,
    message: (value) => `$property[${firstBroken(value)}] ${rule.must}`,
  });
}

function isTopicId(value: unknown): value is TopicId {
  switch (typeof value) {
    case 'string':
      return /^[1-9]\d{0,18}$/.test(value) && (value.length < 19 || BigInt(value) <= MAX_INT64);
    case 'bigint':
      return value >= 1n && value <= MAX_INT64;
    case 'number':
      return Number.isSafeInteger(value) && value > 0;
    default:
      return false;
  }
}

function isShort(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH;
}

function isBinary(dto: object | undefined): boolean {
  return dto !== undefined && 'msgType' in dto && dto.msgType === 'base64';
}

/** Whether `text` is what encoding its bytes gives; no regular expression, whose stack a long text could exhaust. */
export function isBase64(text: string): boolean {
  return text.length % 4 === 0 && Buffer.from(text, 'base64').toString('base64') === text;
}
