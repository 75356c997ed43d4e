import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { MimcPushService } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import request from 'supertest';
import { withMimcEnv } from '../../../support/sample-app.js';
import { PageUnderTest } from '../../support/scenario.js';

const page = new PageUnderTest('docs/recipes/rotate-secret.md');

describe('docs/recipes/rotate-secret.md', () => {
  const modules = page.ts<{ AppModule: Type }>('refresh-credentials');

  it('takes over a new secret by the route, and by itself when MIMC refuses the old one', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'nestjs-mimc-docs-'));
    const file = join(directory, 'mimc.json');
    const mimc = await MimcEmulator.start();
    const { appId } = mimc.credentials;
    const write = () => writeFileSync(file, JSON.stringify(mimc.credentials));
    write();
    process.env['MIMC_SECRETS_FILE'] = file;
    const { AppModule } = await modules();
    delete process.env['MIMC_SECRETS_FILE'];
    const env = { MIMC_BASE_URL: mimc.url, MIMC_APP_ID: appId, MIMC_FROM_ACCOUNT: 'shop' };
    const module = await withMimcEnv(env, () => Test.createTestingModule({ imports: [AppModule] }).compile());
    const app = await module.createNestApplication({ logger: false }).init();
    const refresh = async () => {
      const { body } = await request(app.getHttpServer()).post('/admin/mimc/refresh-credentials').expect(201);
      return body as unknown;
    };
    const attempts = async () => {
      const push = { toAccount: 'alice', msg: 'hello' };
      return (await app.get(MimcPushService, { strict: false }).toAccount(push)).attempts;
    };
    expect([await refresh(), await attempts()]).toEqual([{ changed: false }, 1]);
    mimc.rotateCredentials({ appSecret: 'emulator/new+a/secretB==' });
    write();
    expect([await refresh(), await attempts()]).toEqual([{ changed: true }, 1]);
    mimc.rotateCredentials({ appSecret: 'emulator/new+a/secretC==' });
    write();
    expect([await attempts(), await attempts()]).toEqual([2, 1]);
    expect(mimc.count('alice')).toBe(4);
    await app.close();
    await mimc.close();
    rmSync(directory, { recursive: true });
  });
});
