import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readReply } from './reply.js';

/** JSON texts, with the ways to write a value that `JSON.parse` would lose or take for another. */
const value = fc.oneof(
  fc.constantFrom('200', '200.0', '2e2', '-0', '500', '"200"', 'null', 'true', '""', '{}', '[]', '[[]]'),
  fc.constantFrom('90071992547409930', '1.0', '"90071992547409930"', '"a"', '"b c"', '"a\\u0062"', '["a","b"]'),
  fc.constantFrom('["a",7]', '["a",""]', '["a",null]', '{"packetId":"a"}', '{"packetIds":["a","b"]}', '{"code":200}'),
  fc.constantFrom('{"packetId":7}', '{"packetId":"a","packetId":"b"}', '{"packetIds":[],"packetIds":["a"]}', '01', '"'),
  fc.json(),
);

const name = fc.constantFrom('code', 'data', 'message', 'packetId', 'packetIds', '__proto__', 'c\\u006fde', 'other');
const anyMembers = fc.array(fc.tuple(name, value), { maxLength: 5 });
const ids = fc.constantFrom('{"packetId":"a"}', '{"packetIds":["a","b"]}', '{ "packetId" : "a" , "more" : 1.0 }');
const likeSuccess = fc.tuple(fc.constantFrom('200', '200.0', '201'), ids).map(([code, data]): [string, string][] => [
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

describe('a reply', () => {
  it('is judged the same, whether it is as plain as those in the documents or has to be read with care', () => {
    let plain = 0;
    const property = fc.property(members, fc.constantFrom('packetId', 'packetIds'), (all, key) => {
      const read = (body: string) => readReply({ status: 200, headers: {}, body }, key, (text) => text);
      // An escape is only ever read with care.
      const carefully = read(textOf([...all, ['escaped', '"\\u0020"']]));
      expect(read(textOf(all))).toEqual(carefully);
      if (carefully.ok && all.length === 3) plain += 1;
    });
    fc.assert(property, { numRuns: 5_000 });
    expect(plain).toBeGreaterThan(100);
  });
});
