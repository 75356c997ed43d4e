import { expect, it } from '@jest/globals';
import { IsEmail } from 'class-validator';
import { PushToAccountDto } from 'nestjs-mimc';
import { RecordingMimcPushService } from 'nestjs-mimc/testing';
import { errorOf } from '../support/push-app.js';

it('a rule that an application adds to a DTO counts, although the testing entry was imported before', async () => {
  IsEmail()(PushToAccountDto.prototype, 'toAccount');
  const push = new RecordingMimcPushService();
  const error = await errorOf(push.toAccount({ toAccount: 'alice', msg: 'hello' }));
  expect(error.violations).toMatchObject([{ field: 'toAccount', rule: 'isEmail' }]);
  await push.toAccount({ toAccount: 'alice@example.com', msg: 'hello' });
  expect(push.calls).toHaveLength(1);
});
