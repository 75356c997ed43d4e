import { inspect } from 'node:util';
import diagnostics from 'node:diagnostics_channel';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  getMimcTopicToken,
  type MimcErrorCode,
  MimcModule,
  type MimcModuleOptions,
  type MimcOutcome,
  MimcTopicService,
} from 'nestjs-mimc';
import { type EmulatorFault, MimcEmulator, type MimcEmulatorOptions } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';
import { bootPush, errorOf, formsOf } from '../support/push-app.js';

const trip = { ownerAccount: 'alice', topicName: 'Trip', accounts: ['bob', 'carol'] };

describe('A group', () => {
  let mimc: MimcEmulator;
  const closes: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    mimc = await MimcEmulator.start();
    closes.push(() => mimc.close());
  });
  afterEach(async () => {
    for (const close of closes.splice(0).toReversed()) await close();
  });

  async function boot(options: Partial<MimcModuleOptions> = {}, emulator: MimcEmulatorOptions = {}) {
    if (Object.keys(emulator).length > 0) {
      mimc = await MimcEmulator.start(emulator);
      closes.push(() => mimc.close());
    }
    const app = await bootPush({ ...mimc.credentials, baseUrl: mimc.url, ...options });
    closes.push(() => app.close());
    return app;
  }

  const lastRequest = () => {
    const last = mimc.requests.at(-1);
    if (last === undefined) throw new Error('No request was made');
    return last;
  };

  it('is created by its owner, with credentials and account in headers and the members in one text', async () => {
    const { topics } = await boot();
    const created = await topics.create({ ...trip, extra: '{"sea":true}' });
    const { appId, appKey, appSecret } = mimc.credentials;
    const { method, path, headers, body } = lastRequest();
    expect([method, path]).toEqual(['POST', `/api/topic/${appId}`]);
    expect(headers).toMatchObject({ appkey: appKey, appsecret: appSecret, appaccount: 'alice' });
    expect(headers).not.toHaveProperty('appaccountencode');
    expect(headers).not.toHaveProperty('appid');
    expect(body).toEqual({ topicName: 'Trip', accounts: 'bob,carol', extra: '{"sea":true}' });
    expect(created).toMatchObject({
      topicInfo: { topicName: 'Trip', ownerAccount: 'alice', bulletin: '', extra: '{"sea":true}' },
      attempts: 1,
      mayBeDuplicate: false,
    });
    expect(created.members.map(({ account }) => account)).toEqual(['alice', 'bob', 'carol']);
    expect(created.members[0]?.uuid).toBe(created.topicInfo.ownerUuid);
    expect(mimc.topicMembers(created.topicInfo.topicId)).toEqual(['alice', 'bob', 'carol']);
  });

  it.each(['text', 'number'] as const)(
    'has an id that no JavaScript number can hold, exactly (as %s)',
    async (idForm) => {
      const { topics } = await boot({}, { idForm });
      const { topicInfo, members } = await topics.create(trip);
      expect(String(Number(topicInfo.topicId))).not.toBe(topicInfo.topicId);
      for (const id of [topicInfo.topicId, topicInfo.ownerUuid, members[1]?.uuid]) expect(id).toMatch(/^\d{17}$/);
      const again = await topics.get({ topicId: BigInt(topicInfo.topicId), account: 'bob' });
      expect(again).toEqual({ ...again, topicInfo, members });
      expect(Object.keys(again)).toEqual(['topicInfo', 'members', 'callId', 'attempts', 'timing']);
      expect((await topics.list('carol')).topics).toEqual([topicInfo]);
      expect((await topics.list('mallory')).topics).toEqual([]);
    },
  );

  it('lives its whole life', async () => {
    const { topics, push } = await boot({}, { topics: [] });
    const { topicInfo } = await topics.create(trip);
    const group = { topicId: topicInfo.topicId, account: 'alice' };
    const invited = await topics.invite({ ...group, account: 'bob', accounts: ['dave', 'eve'] });
    expect(invited.members).toHaveLength(5);
    const kicked = await topics.kick({ ...group, accounts: ['eve', 'bob'] });
    expect(kicked.members.map(({ account }) => account)).toEqual(['alice', 'carol', 'dave']);
    await topics.quit({ ...group, account: 'dave' });
    await push.toTopic({ topicId: topicInfo.topicId, msg: 'hello' });
    expect(mimc.topicInbox(topicInfo.topicId)).toMatchObject([{ text: 'hello' }]);
    const updated = await topics.update({ ...group, topicName: 'Sea', bulletin: 'at 9', extra: '' });
    expect(updated.topicInfo).toMatchObject({ topicName: 'Sea', bulletin: 'at 9', extra: '' });
    const unchanged = await topics.update({ ...group, bulletin: '' });
    expect(unchanged.topicInfo).toMatchObject({ topicName: 'Sea', bulletin: '' });
    const transferred = await topics.transfer({ ...group, ownerAccount: 'carol' });
    expect(transferred.topicInfo.ownerAccount).toBe('carol');
    const receipt = await topics.dissolve({ ...group, account: 'carol' });
    expect(Object.keys(receipt)).toEqual(['callId', 'attempts', 'timing', 'mayBeDuplicate']);
    expect(await errorOf(topics.get(group))).toMatchObject({ code: 'MIMC_API', apiCode: 500 });
    expect(await errorOf(push.toTopic({ topicId: topicInfo.topicId, msg: 'x' }))).toMatchObject({ apiCode: 500 });
  });

  it.each<[string, (topics: MimcTopicService, topicId: string) => Promise<unknown>, string]>([
    ['quit by its owner', (topics, topicId) => topics.quit({ topicId, account: 'alice' }), 'quit topic fail'],
    ['quit by a stranger', (topics, topicId) => topics.quit({ topicId, account: 'zoe' }), 'quit topic fail'],
    ['dissolved by a member', (topics, topicId) => topics.dissolve({ topicId, account: 'bob' }), 'dissolve topic fail'],
    [
      'updated by a member',
      (topics, topicId) => topics.update({ topicId, account: 'bob', topicName: 'x' }),
      'update topic fail',
    ],
    [
      'given to a stranger',
      (topics, topicId) => topics.transfer({ topicId, account: 'alice', ownerAccount: 'zoe' }),
      'update topic fail',
    ],
    [
      'purged by a member',
      (topics, topicId) => topics.kick({ topicId, account: 'bob', accounts: ['carol'] }),
      'kick from topic fail',
    ],
    [
      'filled beyond its limit',
      (topics, topicId) => topics.invite({ topicId, account: 'alice', accounts: ['d', 'e'] }),
      'invite to topic fail',
    ],
  ])('cannot be %s', async (_name, act, apiMessage) => {
    const { topics } = await boot({}, { maxTopicMembers: 4 });
    const { topicInfo } = await topics.create(trip);
    const error = await errorOf(act(topics, topicInfo.topicId));
    expect(error).toMatchObject({ code: 'MIMC_API', outcome: 'refused', apiCode: 500, apiMessage, attempts: 1 });
    expect(mimc.topicMembers(topicInfo.topicId)).toEqual(['alice', 'bob', 'carol']);
  });

  it.each(['爱丽丝', 'Zoë', ' alice', 'alice ', '😀'])('is acted on by %j, in Base64', async (account) => {
    const { topics } = await boot();
    const { topicInfo } = await topics.create({ ...trip, ownerAccount: account });
    expect(lastRequest().headers).toMatchObject({
      appaccount: Buffer.from(account).toString('base64'),
      appaccountencode: 'base64',
    });
    expect(topicInfo.ownerAccount).toBe(account);
  });

  it('may have an owner with a comma, and members whose names need encoding in a URL', async () => {
    const { topics } = await boot();
    const odd = ['a b', 'c&d=e', 'f%2Cg', 'h/../i', '李雷', '+1'];
    const { topicInfo } = await topics.create({ ...trip, ownerAccount: 'alice, the owner', accounts: [...odd, 'j'] });
    const { topicId } = topicInfo;
    const { members } = await topics.kick({ topicId, account: 'alice, the owner', accounts: odd });
    expect(members.map(({ account }) => account)).toEqual(['alice, the owner', 'j']);
    expect(lastRequest().path).toMatch(/^\/api\/topic\/\d+\/\d+\/accounts\?accounts=a%20b,c%26d%3De,f%252Cg,/);
  });

  it.each<[string, (topics: MimcTopicService) => Promise<unknown>, string]>([
    ['a member with a comma', (t) => t.create({ ...trip, accounts: ['bob', 'x,y'] }), 'accounts[1]'],
    ['no members', (t) => t.create({ ...trip, accounts: [] }), 'accounts'],
    [
      'a hole among members',
      (t) => t.create({ ...trip, accounts: Array.of<string>('a', ...Array<string>(1)) }),
      'accounts[1]',
    ],
    ['members in one text', (t) => t.create({ ...trip, accounts: 'a,b' as never }), 'accounts'],
    ['an empty name', (t) => t.create({ ...trip, topicName: '' }), 'topicName'],
    ['an owner with a line break', (t) => t.create({ ...trip, ownerAccount: 'a\r\nappKey: x' }), 'ownerAccount'],
    ['half a character', (t) => t.create({ ...trip, ownerAccount: 'a\ud800' }), 'ownerAccount'],
    ['an extra of more than 10 kB', (t) => t.create({ ...trip, extra: '爱'.repeat(3_414) }), 'extra'],
    ['a field it does not know', (t) => t.create({ ...trip, bulletin: 'x' } as never), 'bulletin'],
    ['what is not an object', (t) => t.create(null as never), ''],
    ['an id that lost digits', (t) => t.get({ topicId: 2 ** 60, account: 'a' }), 'topicId'],
    ['an id that is a path', (t) => t.get({ topicId: '1/../2', account: 'a' }), 'topicId'],
    ['no acting account', (t) => t.quit({ topicId: '1' } as never), 'account'],
    ['no account to list for', (t) => t.list(''), 'account'],
    ['a kick with a comma', (t) => t.kick({ topicId: '1', account: 'a', accounts: ['b,c'] }), 'accounts[0]'],
    ['an update of nothing', (t) => t.update({ topicId: '1', account: 'a' }), ''],
    [
      'an update of the owner',
      (t) => t.update({ topicId: '1', account: 'a', ownerAccount: 'b' } as never),
      'ownerAccount',
    ],
    ['a transfer to nobody', (t) => t.transfer({ topicId: '1', account: 'a', ownerAccount: '' }), 'ownerAccount'],
    ['a deadline of 0', (t) => t.list('a', { deadlineMs: 0 }), 'options.deadlineMs'],
    [
      'a delivery that is none',
      (t) => t.list('a', { retry: { delivery: 'twice' as never } }),
      'options.retry.delivery',
    ],
    ['an option of pushes', (t) => t.list('a', { priority: 'bulk' } as never), 'options.priority'],
  ])('is refused for %s, naming the field and sending nothing', async (_name, act, field) => {
    const { topics } = await boot();
    const error = await errorOf(act(topics));
    expect(error).toMatchObject({ code: 'MIMC_INVALID', outcome: 'not-sent', attempts: 0 });
    expect(error.violations?.[0]?.field).toBe(field);
    expect(error.endpoint).toMatch(/^topic\//);
    expect(mimc.requests).toHaveLength(0);
  });

  const reads: [string, (topics: MimcTopicService) => Promise<{ attempts: number }>][] = [
    ['get', (topics) => topics.get({ topicId: '51664086823862273', account: 'alice' })],
    ['list', (topics) => topics.list('alice')],
  ];

  it.each(reads)('is read again by %s whatever became of the first attempt', async (_name, read) => {
    const { topics } = await boot({ retry: { baseDelayMs: 1, maxAttempts: 4 }, timeouts: { responseMs: 1_000 } });
    await topics.create(trip);
    mimc.failNext([{ kind: 'hang' }, { kind: 'reset', when: 'after-read' }, { kind: 'html' }]);
    expect(await read(topics)).toMatchObject({ attempts: 4 });
  });

  it.each(reads)('is read once by %s if the call says so', async (_name, read) => {
    const { topics } = await boot({ retry: { baseDelayMs: 1 } });
    await topics.create(trip);
    const once = { list: topics.list.bind(topics), get: topics.get.bind(topics) };
    mimc.failNext({ kind: 'reset', when: 'after-read' });
    const careful = {
      get: (dto: never) => once.get(dto, { retry: { delivery: 'at-most-once' } }),
      list: (account: string) => once.list(account, { retry: false }),
    } as unknown as MimcTopicService;
    expect(await errorOf(read(careful))).toMatchObject({ code: 'MIMC_RESET', outcome: 'unknown', attempts: 1 });
  });

  const id = { topicId: '51664086823862273', account: 'alice' };
  const changes: [string, (topics: MimcTopicService) => Promise<unknown>][] = [
    ['create', (topics) => topics.create(trip)],
    ['invite', (topics) => topics.invite({ ...id, accounts: ['dave'] })],
    ['kick', (topics) => topics.kick({ ...id, accounts: ['bob'] })],
    ['quit', (topics) => topics.quit({ ...id, account: 'bob' })],
    ['update', (topics) => topics.update({ ...id, topicName: 'Sea' })],
    ['transfer', (topics) => topics.transfer({ ...id, ownerAccount: 'bob' })],
    ['dissolve', (topics) => topics.dissolve(id)],
  ];

  it.each(changes)(
    'is not changed twice by %s, whose outcome is unknown when its answer is lost',
    async (_name, act) => {
      const { topics } = await boot({ retry: { baseDelayMs: 1, delivery: 'at-least-once' } });
      await topics.create(trip);
      mimc.failNext({ kind: 'reset', when: 'after-read' });
      expect(await errorOf(act(topics))).toMatchObject({ outcome: 'unknown', attempts: 1, retryable: false });
      expect(mimc.requests).toHaveLength(2);
    },
  );

  it('is changed again after a throttled attempt, and after a lost one where the call allows it', async () => {
    const { topics } = await boot({ retry: { baseDelayMs: 1 } });
    mimc.failNext([{ kind: 'code', code: 429, retryAfter: '0' }]);
    expect(await topics.create(trip)).toMatchObject({ attempts: 2, mayBeDuplicate: false });
    mimc.failNext({ kind: 'reset', when: 'after-read' });
    const again = await topics.create(trip, { retry: { delivery: 'at-least-once' } });
    expect(again).toMatchObject({ attempts: 2, mayBeDuplicate: true });
    expect((await topics.list('alice')).topics).toHaveLength(3);
  });

  it.each<[string, EmulatorFault, MimcErrorCode, MimcOutcome]>([
    ['wrong credentials', { kind: 'echo', code: 401 }, 'MIMC_AUTH', 'refused'],
    ['a refusal that echoes', { kind: 'echo', form: 'raw' }, 'MIMC_API', 'refused'],
    ['a refusal that echoes as JSON', { kind: 'echo', form: 'json' }, 'MIMC_API', 'refused'],
    ['a refusal that echoes as a URL', { kind: 'echo', form: 'url' }, 'MIMC_API', 'refused'],
  ])('shows no secret after %s', async (_name, fault, code, outcome) => {
    const { topics, log } = await boot();
    const calls = [() => topics.create(trip), () => topics.get(id), () => topics.kick({ ...id, accounts: ['bob'] })];
    for (const call of calls) {
      mimc.failNext(fault);
      const error = await errorOf(call());
      expect(error).toMatchObject({ code, outcome });
      expect(error.apiMessage).toContain('invalid request');
      const seen = formsOf(error) + decodeURIComponent(error.apiMessage ?? '') + log.join('\n');
      for (const secret of [mimc.credentials.appKey, mimc.credentials.appSecret]) expect(seen).not.toContain(secret);
    }
  });

  it('cannot be reached with credentials that do not fit a header, which are not shown', async () => {
    const { topics } = await boot({ appSecret: 'geheim-schlüssel' });
    const error = await errorOf(topics.list('alice'));
    expect(error).toMatchObject({ code: 'MIMC_CONFIG', outcome: 'not-sent', endpoint: 'topic/list', attempts: 1 });
    expect(formsOf(error)).not.toContain('geheim');
    expect(mimc.requests).toHaveLength(0);
  });

  it('takes lists that cannot change, as pushes do', async () => {
    const { topics, push } = await boot({ quota: false });
    const accounts: readonly string[] = Object.freeze(['bob', 'carol']);
    const { topicInfo } = await topics.create({ ...trip, accounts });
    const { topicId } = topicInfo;
    await topics.kick({ topicId, account: trip.ownerAccount, accounts });
    expect((await topics.invite({ topicId, account: trip.ownerAccount, accounts })).members).toHaveLength(3);
    await push.toAccounts({ toAccounts: accounts, msg: 'hello' });
    const topicIds: readonly string[] = Object.freeze([topicId]);
    expect(await push.toTopics({ topicIds, msg: 'hello' })).toMatchObject({ requested: 1 });
  });

  it('is read with the new secret after the old one was refused', async () => {
    const secrets = [mimc.credentials.appSecret, 'the/new+secret=='];
    const credentials = async () => ({ appKey: mimc.credentials.appKey, appSecret: secrets.shift() ?? '' });
    const { topics } = await boot({ appKey: undefined, appSecret: undefined, credentials, retry: { maxAttempts: 1 } });
    await topics.create(trip);
    mimc.rotateCredentials({ appSecret: 'the/new+secret==' });
    expect(await topics.invite({ ...id, accounts: ['dave'] })).toMatchObject({ attempts: 2, mayBeDuplicate: false });
    expect(mimc.requests.map(({ code }) => code)).toEqual([200, 401, 200]);
  });

  it('draws on no quota, and trouble with it does not hold pushes', async () => {
    const { topics, push } = await boot({ quota: { accountsPerSecond: 1, topicsPerSecond: 1, maxQueued: 0 } });
    await push.toTopic({ topicId: 1, msg: 'hello' });
    for (let call = 0; call < 3; call += 1) await topics.list('alice');
    mimc.failNext([{ kind: 'code', code: 429, retryAfter: '60' }, { kind: 'html' }]);
    expect(await errorOf(topics.list('alice'))).toMatchObject({ retryAfterMs: 60_000 });
    await errorOf(topics.list('alice'));
    const { topics: bucket, consecutiveFailures } = push.status();
    expect([bucket.resumesInMs, consecutiveFailures]).toEqual([0, 0]);
  });

  it('is given up when its caller aborts, at a deadline, and at shutdown', async () => {
    const app = await boot();
    const { topics, push } = app;
    const before = await errorOf(topics.create(trip, { signal: AbortSignal.abort() }));
    expect(before).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'not-sent', attempts: 0 });
    mimc.failNext({ kind: 'hang' }, 2);
    const caller = new AbortController();
    const during = errorOf(topics.create(trip, { signal: caller.signal }));
    await eventually(() => expect(mimc.requests).toHaveLength(1));
    caller.abort();
    expect(await during).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'unknown', attempts: 1 });
    expect(await errorOf(topics.list('alice', { deadlineMs: 500 }))).toMatchObject({ code: 'MIMC_DEADLINE' });
    await push.close();
    expect(await errorOf(topics.quit(id))).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent' });
  });

  it('is reported in events that hold neither accounts, nor its name, nor a secret', async () => {
    const { topics } = await boot({ retry: { baseDelayMs: 1 } });
    const events: unknown[] = [];
    const names = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].flatMap((part) => [
      `tracing:mimc:call:${part}`,
      `tracing:mimc:attempt:${part}`,
    ]);
    const listen = (event: unknown) => void events.push(event);
    for (const name of [...names, 'mimc:retry', 'mimc:throttled']) diagnostics.subscribe(name, listen);
    await topics.create({ ...trip, extra: 'inventory' });
    mimc.failNext({ kind: 'echo', code: 429 });
    await topics.get({ topicId: '51664086823862273', account: 'bob' });
    for (const name of [...names, 'mimc:retry', 'mimc:throttled']) diagnostics.unsubscribe(name, listen);
    expect(events).toContainEqual(expect.objectContaining({ endpoint: 'topic/get', forMs: 1_000 }));
    const seen = inspect(events, { depth: 20 });
    const { appKey, appSecret } = mimc.credentials;
    for (const hidden of ['alice', 'bob', 'Trip', 'inventory', '51664086823862273', appKey, appSecret]) {
      expect(seen).not.toContain(hidden);
    }
  });

  it('is handled by the module whose name is asked for', async () => {
    const other = await MimcEmulator.start({ credentials: { appId: '2882303760000000002' } });
    closes.push(() => other.close());
    const module = await Test.createTestingModule({
      imports: [
        MimcModule.forRoot({ ...mimc.credentials, baseUrl: mimc.url }),
        MimcModule.forRoot({ ...other.credentials, baseUrl: other.url, name: 'other' }),
      ],
    }).compile();
    closes.push(() => module.close());
    const named: MimcTopicService = module.get(getMimcTopicToken('other'));
    await named.create(trip);
    expect([mimc.requests.length, other.requests[0]?.path]).toEqual([0, '/api/topic/2882303760000000002']);
  });
});
