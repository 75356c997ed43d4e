/** One application of an ESM and a CommonJS part, which both load the package: classes, tokens and metadata are one. */
import assert from 'node:assert/strict';
import { Module, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MimcError, mimcExceptionFactory, MimcModule, MimcPushService } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import feature from './feature.cjs';

const { Feature, FeatureModule, PushToAccountDto } = feature;
const emulator = await MimcEmulator.start();
const connection = { ...emulator.credentials, baseUrl: emulator.url, fromAccount: 'shop', isGlobal: true };

class AppModule {}
Module({ imports: [MimcModule.forRoot(connection), FeatureModule] })(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
try {
  const inFeature = app.get(Feature);
  assert.equal(inFeature.push, app.get(MimcPushService));
  await inFeature.push.toAccount({ toAccount: 'alice', msg: 'hello' });
  assert.equal(emulator.inbox('alice').length, 1);
  say('a CommonJS module is given the service that an ESM module provides');

  assert.equal(await inFeature.failure({ toAccount: '', msg: '' }), 'MIMC_INVALID');
  say('a MimcError of the one is a MimcError of the other');

  const pipe = new ValidationPipe({ exceptionFactory: mimcExceptionFactory });
  const body = { type: 'body', metatype: PushToAccountDto };
  await assert.rejects(pipe.transform({ toAccount: '', msg: 'hello' }, body), (error) => {
    return error instanceof MimcError && error.code === 'MIMC_INVALID' && error.violations[0].field === 'toAccount';
  });
  say('the DTO that CommonJS requires is validated in ESM');
} finally {
  await app.close();
  await emulator.close();
}

function say(what) {
  process.stdout.write(`${what}\n`);
}
