import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { MimcError, MimcModule, MimcUnlimitedTopicService } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { optionsOf } from '../support/apps.js';
import { PageUnderTest } from '../support/scenario.js';

interface Trips {
  plan(owner: string, topicName: string, accounts: string[]): Promise<string>;
  leave(account: string, topicId: string): Promise<void>;
}

interface Live {
  announce(topicId: string, messages: string[]): Promise<number>;
  names(topicId: string, account: string, signal: AbortSignal): Promise<string[]>;
}

const page = new PageUnderTest('docs/topics.md');
page.test('MimcTestingModule');

describe('docs/topics.md', () => {
  const trips = page.ts<{ TripsService: Type<Trips> }>('class TripsService');
  const live = page.ts<{ LiveService: Type<Live> }>('class LiveService');

  it('shows a group that is created, pushed to and left, but not by its owner', async () => {
    const { TripsService } = await trips();
    const mimc = await MimcEmulator.start({ topics: [] });
    const imports = [MimcModule.forRoot(optionsOf(mimc))];
    const app = await Test.createTestingModule({ imports, providers: [TripsService] }).compile();
    const service = app.get(TripsService);
    const topicId = await service.plan('alice', 'Sea', ['bob', 'carol']);
    expect(mimc.topicInbox(topicId)).toMatchObject([{ fromAccount: 'alice', text: 'Welcome' }]);
    await service.leave('bob', topicId);
    expect(mimc.topicMembers(topicId)).toEqual(['alice', 'carol']);
    const refused: unknown = await service.leave('alice', topicId).catch((error: unknown) => error);
    expect(MimcError.is(refused) && refused.apiMessage).toBe('quit topic fail');
    await app.close();
    await mimc.close();
  });

  it('shows many messages to an unlimited group, and its members page by page', async () => {
    const { LiveService } = await live();
    const mimc = await MimcEmulator.start({ membersPerPage: 2 });
    const imports = [MimcModule.forRoot(optionsOf(mimc))];
    const app = await Test.createTestingModule({ imports, providers: [LiveService] }).compile();
    const { topicId } = await app.get(MimcUnlimitedTopicService).create({ ownerAccount: 'alice', topicName: 'Live' });
    for (const account of ['bob', 'carol']) mimc.joinUnlimitedTopic(topicId, account);
    expect(await app.get(LiveService).announce(topicId, ['one', 'two'])).toBe(2);
    expect(mimc.unlimitedTopicInbox(topicId).map(({ text }) => text)).toEqual(['one', 'two']);
    const names = await app.get(LiveService).names(topicId, 'alice', AbortSignal.timeout(10_000));
    expect(names.toSorted()).toEqual(['alice', 'bob', 'carol']);
    await app.close();
    await mimc.close();
  });
});
