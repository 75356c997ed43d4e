import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { FAULT_PRESETS } from '../../apps/console/src/page/fault-presets.js';

type Messages = Record<string, string>;

const PUBLIC = 'apps/console/public';
const MESSAGES = '../../apps/console/public/console/messages';
const { en } = (await import(`${MESSAGES}/en.js`)) as { en: Messages };
const { zh } = (await import(`${MESSAGES}/zh.js`)) as { zh: Messages };
const html = readFileSync(join(PUBLIC, 'index.html'), 'utf8');
const scripts = readdirSync(join(PUBLIC, 'console'))
  .filter((name) => name.endsWith('.js'))
  .map((name) => readFileSync(join(PUBLIC, 'console', name), 'utf8'))
  .join('\n');
const keys = Object.keys(en);
const namespaces = new Set(keys.map((key) => key.split('.')[0] ?? ''));

describe('the messages of the console', () => {
  it('are the same in both languages, with the same values', () => {
    expect(Object.keys(zh)).toEqual(keys);
    const valuesIn = (text = '') => (text.match(/\{\w+\}/g) ?? []).toSorted();
    const different = keys.filter((key) => valuesIn(en[key]).join() !== valuesIn(zh[key]).join());
    expect(different).toEqual([]);
  });

  it('are Chinese in Chinese, with the words of MIMC', () => {
    const neutral = /^[^\p{Letter}]*$|^ID$|^English$/u;
    const untranslated = keys.filter(
      (key) => !neutral.test(withoutValues(zh[key])) && !/\p{Script=Han}/u.test(zh[key] ?? ''),
    );
    expect(untranslated).toEqual([]);
    // MIMC writes 帐号 and 群.
    expect(Object.values(zh).filter((text) => /账号|账户|群组/.test(text))).toEqual([]);
  });

  it('are there for every key of the page and of its scripts', () => {
    const used = [
      ...matches(html, /data-t(?:-[\w-]+)?="([^"]+)"/g),
      ...matches(scripts, /'([a-z]+(?:\.[\w-]+)+)'/g).filter((key) => namespaces.has(key.split('.')[0] ?? '')),
    ];
    expect(used.length).toBeGreaterThan(150);
    expect(used.filter((key) => !(key in en) && !(`${key}.other` in en))).toEqual([]);
  });

  it('are all used', () => {
    const literals = new Set([
      ...matches(html, /data-t(?:-[\w-]+)?="([^"]+)"/g),
      ...matches(scripts, /'([a-z]+(?:\.[\w-]+)+)'/g),
    ]);
    // `fault.${id}` and the like.
    const templates = matches(scripts, /`([^`\n]*\.[^`\n]*)`/g).filter((template) => !template.startsWith('${'));
    const patterns = templates.map((template) => {
      const texts = template.split(/\$\{[^}]*\}/).map(escaped);
      return new RegExp(`^${texts.join('.+')}$`);
    });
    const isUsed = (key: string) => {
      const name = key.replace(/\.(one|other)$/, '');
      return literals.has(key) || literals.has(name) || patterns.some((one) => one.test(key) || one.test(name));
    };
    expect(keys.filter((key) => !isUsed(key))).toEqual([]);
  });

  it('name and explain every fault and every count', () => {
    const needed = Object.keys(FAULT_PRESETS).flatMap((id) => [`fault.${id}`, `fault.${id}.effect`]);
    expect(needed.filter((key) => !(key in en))).toEqual([]);
    const counted = keys.filter((key) => key.endsWith('.other')).map((key) => key.replace(/other$/, 'one'));
    expect(counted.filter((key) => !(key in en))).toEqual([]);
  });

  it('stand in the page in English, for a browser that is still loading the scripts', () => {
    const elements = html.matchAll(/data-t="([^"]+)"[^>]*>([^<]*)</g);
    const different = [...elements].filter(
      ([, key = '', text = '']) => text.replaceAll(/\s+/g, ' ').trim() !== en[key],
    );
    expect(different.map(([, key]) => key)).toEqual([]);
  });
});

function withoutValues(text = ''): string {
  return text.replaceAll(/\{\w+\}/g, '');
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, match = '']) => match);
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
