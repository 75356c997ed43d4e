import { inspect } from 'node:util';
import { ConsoleLogger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { mimcConfig, MimcError, MimcModule, type MimcModuleOptions, unknownVariables } from 'nestjs-mimc';
import { RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import { secrets } from '../support/push-app.js';

const good = { ...secrets, fromAccount: 'shop' };

const lines: string[] = [];
class Lines extends ConsoleLogger {
  protected override printMessages(messages: unknown[]): void {
    lines.push(...messages.map(String));
  }
}

async function boot(module: ReturnType<typeof MimcModule.forRoot>): Promise<unknown> {
  try {
    const app = await Test.createTestingModule({ imports: [module] })
      .setLogger(new Lines())
      .compile();
    await app.close();
    return undefined;
  } catch (error) {
    return error;
  }
}

const flaws: [string, (text: string) => string, string][] = [
  ['a line feed after it', (text) => `${text}\n`, 'must not begin or end with white space, a line feed'],
  ['a line break of Windows after it', (text) => `${text}\r\n`, 'must not begin or end with white space, a line feed'],
  ['a space before it', (text) => ` ${text}`, 'must not begin or end with white space'],
  [
    'a byte order mark before it',
    (text) => `\ufeff${text}`,
    'must not begin or end with white space, a line feed or a byte order mark',
  ],
  ['a zero-width space after it', (text) => `${text}\u200b`, 'must not begin or end with white space'],
  ['a line feed inside', (text) => `${text.slice(0, 2)}\n${text.slice(2)}`, 'must not contain control'],
  ['double quotes', (text) => `"${text}"`, 'must not be in quotes'],
  ['single quotes', (text) => `'${text}'`, 'must not be in quotes'],
  ['half of its quotes', (text) => `"${text}`, 'must not be in quotes'],
  ['blanks only', () => '  ', 'must not be blank'],
  ['a line feed only', () => '\n', 'must not be blank'],
  ['the text undefined', () => 'undefined', 'must not be the text undefined or null'],
  ['the text null', () => 'null', 'must not be the text undefined or null'],
  ['the text of an object', () => '[object Promise]', 'must not be the text undefined or null'],
];

const variables = {
  appId: 'MIMC_APP_ID',
  appKey: 'MIMC_APP_KEY',
  appSecret: 'MIMC_APP_SECRET',
  fromAccount: 'MIMC_FROM_ACCOUNT',
} as const;

describe('The edges of configuration', () => {
  afterEach(() => {
    for (const variable of Object.keys(process.env)) if (/^mimc_/i.test(variable)) delete process.env[variable];
    lines.length = 0;
  });

  const setAll = () => {
    for (const [option, variable] of Object.entries(variables))
      process.env[variable] = Reflect.get(good, option) as string;
  };

  describe.each(Object.keys(variables) as (keyof typeof variables)[])('%s', (option) => {
    it.each(flaws)('with %s is refused at boot by option and rule, without its value', async (_name, spoil, rule) => {
      const spoilt = { ...good, [option]: spoil(good[option]) };
      const error = await boot(MimcModule.forRoot(spoilt));
      expect(error).toMatchObject({ code: 'MIMC_CONFIG', violations: [{ field: option, rule: 'isClean' }] });
      expect((error as MimcError).message).toContain(`${option} ${rule}`);
      expect(inspect(error)).not.toContain(good[option].slice(0, 12));
    });

    it('from the environment is refused by its variable too', async () => {
      setAll();
      process.env[variables[option]] += '\n';
      const error = await boot(MimcModule.forRootAsync(mimcConfig.asProvider()));
      expect(error).toMatchObject({ violations: [{ field: option, rule: 'isClean' }] });
      expect((error as MimcError).message).toContain(`${option} (${variables[option]}) must not begin or end`);
    });
  });

  it('of a limiter: an app with a line feed would have a quota of its own', () => {
    const limiter = () => new RedisMimcRateLimiter({ connection: 'redis://127.0.0.1:1', app: '1\n' });
    expect(limiter).toThrow('app must not begin or end with white space');
  });

  it.each([
    ['mimc.chat.xiaomi.net', 'must be a URL with its scheme and host'],
    ['https://', 'must be a URL with its scheme and host'],
    ['http://mimc.chat.xiaomi.net', 'must begin with https://'],
    ['ftp://127.0.0.1', 'must begin with https://'],
    ['https://user:k3y@mimc.chat.xiaomi.net', 'must not contain a user or a password'],
    ['https://mimc.chat.xiaomi.net/?a=b', 'must not have a query'],
    ['https://mimc.chat.xiaomi.net/#a', 'must not have a fragment'],
    ['https://mimc.chat.xiaomi.net\n', 'must not begin or end with white space'],
    ['"https://mimc.chat.xiaomi.net"', 'must not be in quotes'],
    ['undefined', 'must not be the text undefined or null'],
  ])('name the part of baseUrl that is wrong: %j', async (baseUrl, part) => {
    const error = await boot(MimcModule.forRoot({ ...good, baseUrl }));
    expect(error).toMatchObject({ code: 'MIMC_CONFIG', violations: [{ field: 'baseUrl' }] });
    expect((error as MimcError).message).toContain(`baseUrl ${part}`);
  });

  it('name the variable next to the option, nested ones too, and warn of those that are unknown', async () => {
    setAll();
    delete process.env['MIMC_APP_ID'];
    Object.assign(process.env, { MIMC_APPID: 'k3y-of-nobody', MIMC_DEADLINE_MS: '5s', MIMC_TOPICS_PER_SECOND: '0' });
    Object.assign(process.env, { MIMC_BASEURL: 'http://127.0.0.1', mimc_from_resource: 'x' });
    const error = (await boot(MimcModule.forRootAsync(mimcConfig.asProvider()))) as MimcError;
    expect(error.message).toContain('appId (MIMC_APP_ID) should not be empty');
    expect(error.message).toContain('deadlineMs (MIMC_DEADLINE_MS) must be an integer');
    expect(error.message).toContain('quota.topicsPerSecond (MIMC_TOPICS_PER_SECOND) must not be less than 1');
    expect(error.violations?.map(({ field }) => field)).toEqual(['appId', 'deadlineMs', 'quota.topicsPerSecond']);
    const warned = lines.filter((line) => line.includes('The variable')).toSorted();
    expect(warned).toEqual([
      'The variable MIMC_APPID is unknown and ignored; did you mean MIMC_APP_ID?',
      'The variable MIMC_BASEURL is unknown and ignored; did you mean MIMC_BASE_URL?',
      'The variable mimc_from_resource is unknown and ignored; did you mean MIMC_FROM_RESOURCE?',
    ]);
    expect(lines.join()).not.toMatch(/k3y|127\.0\.0\.1/);
  });

  it('warn once of a variable that stays unknown', async () => {
    process.env['MIMC_SECRET'] = 'x';
    for (let boots = 0; boots < 2; boots++) await boot(MimcModule.forRootAsync(mimcConfig.asProvider()));
    expect(lines.filter((line) => line.includes('MIMC_SECRET'))).toEqual([
      'The variable MIMC_SECRET is unknown and ignored; did you mean MIMC_APP_SECRET?',
    ]);
  });

  it.each<[string, (options: MimcModuleOptions) => ReturnType<typeof MimcModule.forRoot>]>([
    ['forRoot', (options) => MimcModule.forRoot({ ...options, appSecret: '' })],
    ['a factory', (options) => MimcModule.forRootAsync({ useFactory: () => ({ ...options, appSecret: '' }) })],
  ])('do not blame a variable for an option that was replaced: %s', async (_name, register) => {
    setAll();
    Object.assign(process.env, { MIMC_BASE_URL: 'http://mimc.example.com' });
    const error = (await boot(register(mimcConfig()))) as MimcError;
    expect(error.message).toContain('appSecret should not be empty');
    expect(error.message).toContain('baseUrl (MIMC_BASE_URL) must begin with https://');
  });

  it('have an upper length for what is an account or a resource', async () => {
    for (const field of ['fromAccount', 'fromResource']) {
      expect(await boot(MimcModule.forRoot({ ...good, [field]: 'x'.repeat(256) }))).toBeUndefined();
      const error = await boot(MimcModule.forRoot({ ...good, [field]: 'x'.repeat(257) }));
      expect(error).toMatchObject({ code: 'MIMC_CONFIG', violations: [{ field, rule: 'maxLength' }] });
    }
  });

  it('never show what a strange name of a variable could do to a log', () => {
    const [warning = ''] = unknownVariables({ 'MIMC_\n[Nest] all is well': 'x', OTHER: 'y' }, 'MIMC_', ['MIMC_APP_ID']);
    expect(warning).not.toContain('\n');
    expect(unknownVariables({ OTHER: 'y', MIMC_APP_ID: '' }, 'MIMC_', ['MIMC_APP_ID'])).toEqual([]);
  });
});
