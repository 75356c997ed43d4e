import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRedactor } from './redact.js';

const secret = 'k3+/Zé"\\ü😀==';

describe('createRedactor', () => {
  const redact = createRedactor([secret, '5111766983588']);
  const html = (text: string) => Array.from(text, (char) => `&#x${char.codePointAt(0)?.toString(16)};`).join('');

  it.each([
    ['raw', secret],
    ['escaped as JSON', JSON.stringify(secret).slice(1, -1)],
    ['escaped as JSON twice', JSON.stringify(JSON.stringify(secret)).slice(3, -3)],
    ['escaped as JSON with slashes', JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/')],
    ['escaped as JSON by code unit', secret.replaceAll('=', '\\u003D').replaceAll('+', '\\u002b')],
    ['URL-encoded', encodeURIComponent(secret)],
    ['URL-encoded in lower case', encodeURIComponent(secret).replaceAll(/%../g, (hex) => hex.toLowerCase())],
    ['as HTML entities', html(secret)],
    ['URL-encoded twice', encodeURIComponent(encodeURIComponent(secret))],
    ['as named HTML entities', secret.replaceAll('+', '&plus;').replaceAll('/', '&sol;').replaceAll('=', '&equals;')],
    ['cut short', secret.slice(0, 9)],
  ])('removes a secret that is %s', (_form, text) => {
    expect(redact(`before ${text} after`)).toBe('before [redacted] after');
  });

  it('removes two secrets that begin alike completely', () => {
    const both = createRedactor(['beginning-1234', 'beginning-5678-and-more', 'beginning-1234']);
    expect(both('a beginning-1234 b beginning-5678-and-more c beginning-1234beginning-5 d')).toBe(
      'a [redacted] b [redacted] c [redacted][redacted] d',
    );
  });

  it('leaves other text alone, and every text when there is no secret', () => {
    expect(redact('quit topic fail')).toBe('quit topic fail');
    expect(createRedactor([''])('anything')).toBe('anything');
  });

  it('removes any secret from any text around it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 6, unit: 'grapheme' }), fc.string(), fc.string(), (value, before, after) => {
        const redacted = createRedactor([value])(before + encodeURIComponent(value) + value + after);
        expect(redacted.replaceAll('[redacted]', '')).not.toContain(value);
      }),
    );
  });

  it('takes time in proportion to the text, whatever the secret', () => {
    const backslashes = createRedactor(['\\'.repeat(12)]);
    expect(backslashes('\\'.repeat(11).padEnd(60, 'x'))).toContain('x');
    expect(backslashes('\\'.repeat(200))).not.toContain('\\'.repeat(12));
  });

  it('takes time in proportion to the text, however it is made', () => {
    const text = '\\'.repeat(20_000) + '&#'.repeat(20_000);
    expect(redact(text)).toBe(text);
  });
});
