import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsoleLogger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  getMimcPushToken,
  type MimcAppSecrets,
  MimcModule,
  type MimcModuleOptions,
  MimcPushService,
} from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { bootPush, errorOf, type PushApp, secrets } from '../support/push-app.js';
import { eventually } from '../support/eventually.js';

const before: MimcAppSecrets = { appKey: secrets.appKey, appSecret: secrets.appSecret };
const after: MimcAppSecrets = { appKey: '5111766983599', appSecret: 'n3w+Secret/ForTests02==' };
const dto = { toAccount: 'alice', msg: 'hello' };

/** A vault that an operator changes, and that counts how often it is asked. */
class Vault {
  asked = 0;
  holds: unknown = before;

  readonly credentials = async (): Promise<MimcAppSecrets> => {
    this.asked += 1;
    return this.holds as MimcAppSecrets;
  };
}

let mimc: MimcEmulator;
let vault: Vault;
const open: PushApp[] = [];

beforeEach(async () => {
  vault = new Vault();
  mimc = await MimcEmulator.start({ credentials: secrets });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()));
  await mimc.close();
});

async function boot(options: Partial<MimcModuleOptions> = {}): Promise<PushApp> {
  const fromVault = { appKey: undefined, appSecret: undefined, credentials: vault.credentials };
  const app = await bootPush({ baseUrl: mimc.url, quota: false, ...fromVault, ...options });
  open.push(app);
  return app;
}

/** The secret is reset in MIMC's console, and written to the vault. */
function rotate(): void {
  mimc.rotateCredentials(after);
  vault.holds = after;
}

const ofCredentials = (log: readonly string[]) => log.filter((line) => line.includes('credentials'));

describe('credentials from a function', () => {
  it('are asked for at boot, once', async () => {
    const { push } = await boot();
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 1 });
    expect(vault.asked).toBe(1);
  });

  it('are kept as they were read, whatever becomes of the object', async () => {
    const answer = { ...before, lease: 'ignored' };
    const { push } = await boot({ credentials: () => answer });
    answer.appSecret = 'changed';
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 1 });
  });

  it('are asked for again when MIMC refuses them, and the call is made again with the new ones', async () => {
    const { push, tokens, log } = await boot();
    rotate();
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 2, mayBeDuplicate: false });
    expect(await tokens.issue('alice')).toMatchObject({ attempts: 1 });
    expect(mimc.count('alice')).toBe(1);
    expect(vault.asked).toBe(2);
    expect(ofCredentials(log)).toEqual([expect.stringMatching(/refused the credentials.*new ones are in use/)]);
  });

  it('are asked for by a token too', async () => {
    const { tokens } = await boot();
    rotate();
    expect(await tokens.issue('alice')).toMatchObject({ attempts: 2 });
  });

  it('are asked for again by refreshCredentials, before MIMC refuses any', async () => {
    const { push, log } = await boot();
    expect(await push.refreshCredentials()).toBe(false);
    rotate();
    expect(await push.refreshCredentials()).toBe(true);
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 1 });
    expect(mimc.totals.refused).toBe(0);
    expect(ofCredentials(log)).toEqual([]);
  });

  it.each([
    ['an envelope', { kind: 'code', code: 401 } as const],
    ['an HTTP status', { kind: 'status', status: 401, body: '' } as const],
  ])('are refused by %s', async (_name, fault) => {
    const { push } = await boot();
    vault.holds = after;
    mimc.failNext(fault);
    mimc.rotateCredentials(after);
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 2 });
  });

  it('that a gateway refuses may have arrived, so that the call is not made again', async () => {
    const { push } = await boot();
    mimc.failNext({ kind: 'body', body: '{"code":401,"message":"no","data":null}', status: 503 });
    rotate();
    expect(await errorOf(push.toAccount(dto))).toMatchObject({ code: 'MIMC_AUTH', outcome: 'unknown', attempts: 1 });
    await eventually(() => expect(vault.asked).toBe(2));
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 1 });
  });

  it('are the same for modules with a name and with options from a factory', async () => {
    const module = await Test.createTestingModule({
      imports: [
        MimcModule.forRootAsync({
          name: 'shop',
          useFactory: async () => ({
            appId: secrets.appId,
            credentials: vault.credentials,
            baseUrl: mimc.url,
            fromAccount: 'shop',
          }),
        }),
      ],
    })
      .setLogger(new ConsoleLogger({ logLevels: [] }))
      .compile();
    rotate();
    const push = module.get<MimcPushService>(getMimcPushToken('shop'));
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 2 });
    await module.close();
  });
});
