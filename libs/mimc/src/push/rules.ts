import { buildMessage, ValidateBy, ValidationArguments, ValidationOptions } from 'class-validator';
import { isShort, MAX_NAME_LENGTH } from './clean-text.js';
import { isTopicId } from './topic-id.js';

/** What one element of a list must be. */
export interface ElementRule {
  name: string;
  test: (element: unknown) => boolean;
  must: string;
}

/** Control characters, line and paragraph separators, and the byte order mark: left over from reading a file. */
const NOT_IN_ACCOUNT = /[\p{Cc}\u2028\u2029\uFEFF]/u;

/**
 * What an account must be. MIMC creates an account that it does not know (mimc-api.md §1.6), so that a message to one with
 * the rest of a line in it is accepted, and reaches nobody.
 */
export const accountRule: ElementRule = {
  name: 'isAccount',
  test: (element) => typeof element === 'string' && element !== '' && isShort(element) && !NOT_IN_ACCOUNT.test(element),
  must: `must be a string of 1 to ${MAX_NAME_LENGTH} characters, without control characters, line breaks or a byte order mark`,
};

/** What a topic id must be. */
export const topicIdRule: ElementRule = {
  name: 'isTopicId',
  test: isTopicId,
  must: 'must be a topic id: a decimal string, a bigint or a safe integer, from 1 to 9223372036854775807',
};

/**
 * The rules of lists by the name of their constraint. They can say which element breaks them, which class-validator's
 * `each` cannot.
 */
export const elementRules: ReadonlyMap<string, ElementRule> = new Map([
  ['eachIsAccount', accountRule],
  ['eachIsTopicId', topicIdRule],
]);

/** The value is an account. */
export const IsAccount = (options?: ValidationOptions) => mustBe(accountRule, options);

/** Every element is an account. */
export const EachIsAccount = (options?: ValidationOptions) => eachMust('eachIsAccount', accountRule, options);

/** Every element is a topic id. */
export const EachIsTopicId = (options?: ValidationOptions) => eachMust('eachIsTopicId', topicIdRule, options);

/** The value is a topic id. */
export const IsTopicId = (options?: ValidationOptions) => mustBe(topicIdRule, options);

/** Base64 (RFC 4648 §4) when the DTO's `msgType` is `base64`; anything otherwise. */
export function IsMsg(options?: ValidationOptions): PropertyDecorator {
  const validate = (value: unknown, args?: ValidationArguments) => isMsg(value, args?.object);
  const defaultMessage = buildMessage(() => '$property must be base64 when msgType is base64', options);
  return ValidateBy({ name: 'isBase64', validator: { validate, defaultMessage } }, options);
}

/** What {@link IsMsg} asks of the `msg` of a DTO. */
export function isMsg(msg: unknown, dto: object | undefined): boolean {
  return !isBinary(dto) || (typeof msg === 'string' && isBase64(msg));
}

/** The indices of the elements that break `rule`, holes included, at most `limit` of them. */
export function brokenIndices(list: readonly unknown[], rule: ElementRule, limit: number): number[] {
  const broken: number[] = [];
  for (let index = 0; index < list.length && broken.length < limit; index++) {
    if (!rule.test(list[index])) broken.push(index);
  }
  return broken;
}

function mustBe({ name, test, must }: ElementRule, options?: ValidationOptions): PropertyDecorator {
  const defaultMessage = buildMessage(() => `$property ${must}`, options);
  return ValidateBy({ name, validator: { validate: test, defaultMessage } }, options);
}

function eachMust(name: string, rule: ElementRule, options?: ValidationOptions): PropertyDecorator {
  // What is no array is for @IsArray() to say.
  const firstBroken = (value: unknown) => (Array.isArray(value) ? brokenIndices(value, rule, 1)[0] : undefined);
  const validate = (value: unknown) => firstBroken(value) === undefined;
  const defaultMessage = buildMessage((_each, args) => `$property[${firstBroken(args?.value)}] ${rule.must}`, options);
  return ValidateBy({ name, validator: { validate, defaultMessage } }, options);
}

function isBinary(dto: object | undefined): boolean {
  return dto !== undefined && 'msgType' in dto && dto.msgType === 'base64';
}

/** Whether `text` is what encoding its bytes gives; no regular expression, whose stack a long text could exhaust. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && Buffer.from(text, 'base64').toString('base64') === text;
}
