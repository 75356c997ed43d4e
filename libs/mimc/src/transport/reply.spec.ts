import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LosslessNumber, parse } from 'lossless-json';
import { readReply } from './reply.js';

/** JSON texts, with the ways to write a value that `JSON.parse` would lose or take for another. */
const value = fc.oneof(
  fc.constantFrom('200', '200.0', '2e2', '-0', '500', '"200"', 'null', 'true', '""', '{}', '[]', '[[]]'),
  fc.constantFrom('90071992547409930', '1.0', '"90071992547409930"', '"a"', '"b c"', '"a\\u0062"', '["a","b"]'),
  fc.constantFrom('["a",7]', '["a",""]', '["a",null]', '{"packetId":"a"}', '{"packetIds":["a","b"]}', '{"code":200}'),
  fc.constantFrom('{"packetIds":["a]","code","data"]}', '{"packetIds" : ["packetIds","b]]"]}', '["code","]"]'),
  fc.constantFrom('{"packetId":7}', '{"packetId":"a","packetId":"b"}', '{"packetIds":[],"packetIds":["a"]}', '01', '"'),
  fc.json(),
);

const name = fc.constantFrom('code', 'data', 'message', 'packetId', 'packetIds', '__proto__', 'c\\u006fde', 'other');
const anyMembers = fc.array(fc.tuple(name, value), { maxLength: 5 });
const idFields = fc.constantFrom(
  '{"packetId":"a"}',
  '{"packetIds":["a]","code","]"]}',
  '{"packetIds":["a","b"]}',
  '{ "packetId" : "a" , "more" : 1.0 }',
);
const likeSuccess = fc
  .tuple(fc.constantFrom('200', '200.0', '201'), idFields)
  .map(([code, data]): [string, string][] => [
    ['code', code],
    ['data', data],
    ['message', '"success"'],
  ]);

const members = fc.oneof(
  anyMembers,
  likeSuccess,
  likeSuccess.map((all) => all.slice(0, 3)),
);
const textOf = (all: readonly [string, string][]) => `{${all.map(([key, text]) => `"${key}":${text}`).join(',')}}`;

/** What the exact reading of a text says of success: an oracle that takes every number as it is written. */
function idsByOracle(body: string, key: 'packetId' | 'packetIds'): string[] | undefined {
  const isNumber = (literal: unknown): literal is LosslessNumber => literal instanceof LosslessNumber;
  try {
    const { code, data } = parse(body) as { code?: unknown; data?: Record<string, unknown> };
    if (!isNumber(code) || Number(code.value) !== 200) return undefined;
    const ids = key === 'packetId' ? [data?.[key]] : (data?.[key] as unknown[]);
    if (!Array.isArray(ids) || ids.length === 0) return undefined;
    const texts = ids.map((id) => (isNumber(id) ? integerText(id.value) : id));
    return texts.every((id) => typeof id === 'string' && id !== '') ? (texts as string[]) : undefined;
  } catch {
    return undefined;
  }
}

function integerText(literal: string): string | undefined {
  if (/^-?\d+$/.test(literal)) return BigInt(literal).toString();
  return Number.isSafeInteger(Number(literal)) ? String(Number(literal)) : undefined;
}

const read = (body: string, key: 'packetId' | 'packetIds' = 'packetId') =>
  readReply({ status: 200, headers: {}, body }, key, (text) => text);

describe('a reply', () => {
  it('is a success exactly when every digit of it says so', () => {
    let successes = 0;
    const property = fc.property(members, fc.constantFrom('packetId', 'packetIds'), (all, key) => {
      const body = textOf(all);
      const result = read(body, key);
      expect(result.ok ? result.answer : undefined).toEqual(idsByOracle(body, key));
      if (result.ok) successes += 1;
    });
    fc.assert(property, { numRuns: 5_000 });
    expect(successes).toBeGreaterThan(100);
  });

  it('that says two different things in one field is none', () => {
    const bodies = ['{"code":500,"code":200,"data":{"packetId":"p"}}', '{"code":200,"code":500,"message":"no"}'];
    bodies.push('{"code":200,"data":{"packetId":"p"},"data":{"packetId":"q"}}');
    bodies.push('{"code":200,"data":null,"data":{"packetId":"q"}}');
    bodies.push(String.raw`{"code":500,"c\u006fde":200,"data":{"packetId":"p"}}`);
    bodies.push(String.raw`{"code":200,"data":{"packetId":"p","packet\u0049d":"q"}}`);
    for (const body of bodies) {
      expect(read(body)).toMatchObject({ failure: { code: 'MIMC_BAD_RESPONSE', outcome: 'unknown' } });
    }
  });

  it('with ten thousand long ids keeps each digit', () => {
    const ids = Array.from({ length: 10_000 }, (_, index) => String(9_223_372_036_854_765_807n + BigInt(index)));
    const body = `{"code":200,"data":{"packetIds":[${ids.join(',')}]},"message":"success"}`;
    expect(read(body, 'packetIds')).toMatchObject({ ok: true, answer: ids });
  });

  it.each([
    ['of 280,000 names', `{"code":500,${Array.from({ length: 280_000 }, (_, i) => `"k${i}":1`).join(',')}}`],
    ['of four million brackets', '['.repeat(4_000_000)],
    ['of a million objects', `{"code":200,"data":[${'{},'.repeat(1_000_000)}{}]}`],
    ['with an id of a megabyte of digits', `{"code":200,"data":{"packetId":1${'0'.repeat(1_000_000)}}}`],
  ])('%s is not parsed, as that would block everything else', (_name, body) => {
    expect(read(body)).toMatchObject({ failure: { code: 'MIMC_BAD_RESPONSE', outcome: 'unknown' } });
  });
});
