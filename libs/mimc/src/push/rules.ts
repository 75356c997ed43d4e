import { buildMessage, ValidateBy, ValidationArguments, ValidationOptions } from 'class-validator';
import { isShort, MAX_NAME_LENGTH } from './clean-text.js';
import { isTopicId } from './topic-id.js';

/** What one element of a list must be. */
export interface ElementRule {
  name: string;
  test: (element: unknown) => boolean;
  must: string;
}

/** What an account must be. */
export const accountRule: ElementRule = {
  name: 'isAccount',
  test: (element) => typeof element === 'string' && element !== '' && isShort(element),
  must: `must be a string of 1 to ${MAX_NAME_LENGTH} characters`,
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

/** Every element is an account. */
export const EachIsAccount = (options?: ValidationOptions) => eachMust('eachIsAccount', accountRule, options);

/** Every element is a topic id. */
export const EachIsTopicId = (options?: ValidationOptions) => eachMust('eachIsTopicId', topicIdRule, options);

/** The value is a topic id. */
export function IsTopicId(options?: ValidationOptions): PropertyDecorator {
  const { name, test, must } = topicIdRule;
  const defaultMessage = buildMessage(() => `$property ${must}`, options);
  return ValidateBy({ name, validator: { validate: test, defaultMessage } }, options);
}

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
