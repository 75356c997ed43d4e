import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { withMimcEnv } from '../../../support/sample-app.js';
import { envOf } from '../../support/apps.js';
import { PageUnderTest } from '../../support/scenario.js';

const page = new PageUnderTest('docs/recipes/wake-phone.md');

interface Phones {
  shown: Map<string, { id: string; text: string }>;
  notify(account: string, notification: object): Promise<void>;
}

describe('docs/recipes/wake-phone.md', () => {
  const modules = page.ts<{ WakeUpModule: Type; Phones: Type<Phones> }>('class WakeUp');

  it('notifies those who are offline, also when the phone push fails at first', async () => {
    const { WakeUpModule, Phones } = await modules();
    const mimc = await MimcEmulator.start({ callbacks: { repeatAfterMs: [1, 1, 1] } });
    const app = await withMimcEnv(envOf(mimc), async () => {
      const module = await Test.createTestingModule({ imports: [WakeUpModule] }).compile();
      const created = module.createNestApplication({ logger: false });
      await created.listen(0, '127.0.0.1');
      return created;
    });
    const phones = app.get(Phones, { strict: false });
    const notify = phones.notify.bind(phones);
    let failures = 1;
    phones.notify = async (...given) => {
      if (failures-- > 0) throw new Error('The phone push service is away');
      await notify(...given);
    };
    mimc.callbackUrl = `${await app.getUrl()}/mimc/callback`;
    mimc.setOffline('bob');
    mimc.setOffline('dave');
    mimc.userSends({ from: 'alice', to: 'bob', text: 'a secret' });
    mimc.userSends({ from: 'alice', to: 'carol', text: 'a secret' });
    mimc.userSends({ from: 'alice', topicId: '21351198708203521', members: ['alice', 'carol', 'dave'], text: 'hi' });
    await mimc.callbacksSettled();
    const texts = Object.fromEntries([...phones.shown].map(([account, { text }]) => [account, text]));
    expect(texts).toEqual({ bob: 'New message from alice', dave: 'New message in group 21351198708203521' });
    await app.close();
    await mimc.close();
  });
});
