import type { Type } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { withMimcEnv } from '../../../support/sample-app.js';
import { boot } from '../../support/apps.js';
import { PageUnderTest } from '../../support/scenario.js';

const page = new PageUnderTest('docs/recipes/tenants.md');

interface Exports {
  NotificationsModule: Type;
  Notifications: Type<{ shipped(order: { tenant: string; id: string; account: string }): Promise<void> }>;
  MimcApps: Type<{ rows: Map<string, object> }>;
}

describe('docs/recipes/tenants.md', () => {
  const table = page.fence('sql', 'mimc_apps');
  const modules = page.ts<Exports>('class Notifications');

  it('pushes through the app that the table has for the tenant', async () => {
    const { NotificationsModule, Notifications, MimcApps } = await modules();
    const credentials = { appId: '2882303761517000001', appKey: 'key-of-acme', appSecret: 'secret-of-acme' };
    const mimc = await MimcEmulator.start({ credentials });
    await withMimcEnv({ MIMC_BASE_URL: mimc.url }, async () => {
      const app = await boot(NotificationsModule);
      const { appId, appKey, appSecret } = credentials;
      const row = { app_id: appId, app_key: appKey, app_secret: appSecret, from_account: 'acme' };
      app.get(MimcApps, { strict: false }).rows.set('acme', row);
      const notifications = app.get(Notifications, { strict: false });
      await notifications.shipped({ tenant: 'acme', id: '1042', account: 'alice' });
      const other = notifications.shipped({ tenant: 'other', id: '1', account: 'alice' });
      await expect(other).rejects.toMatchObject({ code: 'MIMC_CONFIG' });
      const columns = [...table.code.matchAll(/^ {2}(\w+) /gm)].map(([, column]) => column);
      expect(columns).toEqual(['tenant', ...Object.keys(row)]);
      await app.close();
    });
    expect(mimc.inbox('alice')).toMatchObject([{ fromAccount: 'acme', text: 'Order 1042 is on its way' }]);
    await mimc.close();
  });
});
