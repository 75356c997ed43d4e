import { afterEach, describe, expect, it } from '@jest/globals';
import { RecordingMimcPushService } from 'nestjs-mimc/testing';
import { bootPush, errorOf } from '../support/push-app.js';

describe('Under Bun', () => {
  const { versions } = process;
  const setVersions = (value: NodeJS.ProcessVersions) =>
    Object.defineProperty(process, 'versions', { value, configurable: true });
  afterEach(() => void setVersions(versions));

  it('the module refuses to boot, and the recorder for tests works', async () => {
    setVersions({ ...versions, bun: '1.4.5' });
    const error = await errorOf(bootPush({}));
    expect(error).toMatchObject({ code: 'MIMC_CONFIG', outcome: 'not-sent' });
    expect(error.message).toContain('MimcModule needs Node.js');
    const push = new RecordingMimcPushService();
    await expect(push.toAccount({ toAccount: 'alice', msg: 'hello' })).resolves.toHaveProperty('packetId');
  });
});
