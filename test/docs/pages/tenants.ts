import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { type MimcModuleOptions, MimcTenants } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import request from 'supertest';
import { optionsOf } from '../support/apps.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/tenants.md');
page.test('greets through the app of the tenant');

interface Exports {
  AppModule: Type;
  TenantStore: Type<{ apps: Map<string, MimcModuleOptions>; tenantOf: Map<string, string> }>;
}

describe('docs/tenants.md', () => {
  const modules = page.ts<Exports>('forTenantsAsync');

  it('shows a route that pushes for the tenant of the user only, and says what failed', async () => {
    const { AppModule, TenantStore } = await modules();
    const mimc = await MimcEmulator.start();
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    const app = module.createNestApplication({ logger: false });
    const { apps, tenantOf } = app.get(TenantStore, { strict: false });
    apps.set('acme', optionsOf(mimc));
    tenantOf.set('user of acme', 'acme');
    const logIn = (req: { user?: object }, _response: unknown, next: () => void) => {
      req.user = { id: 'user of acme' };
      next();
    };
    app.use('/greetings', (...given: Parameters<typeof logIn>) => (isLoggedIn ? logIn(...given) : given[2]()));
    await app.init();
    let isLoggedIn = false;
    const greet = () => request(app.getHttpServer()).post('/greetings').send({ account: 'alice' });
    await greet().expect(403);
    isLoggedIn = true;
    await greet().expect(201);
    expect(mimc.count('alice')).toBe(1);
    await expect(app.get(MimcTenants, { strict: false }).get('other')).rejects.toMatchObject({
      message: 'Tenant "other": resolve failed (Error)',
    });
    await app.close();
    await mimc.close();
  });
});
