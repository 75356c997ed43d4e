/** The CommonJS part of mixed.mjs: a Nest module that requires the package, as a dependency of an application may. */
const { Module } = require('@nestjs/common');
const { MimcError, MimcPushService, PushToAccountDto } = require('nestjs-mimc');

class Feature {
  constructor(push) {
    this.push = push;
  }

  /** The code of the MimcError that a push ends with. */
  async failure(dto) {
    const thrown = await this.push.toAccount(dto).catch((error) => error);
    if (!(thrown instanceof MimcError)) throw new Error('what the other part throws is not a MimcError here');
    return thrown.code;
  }
}
Reflect.defineMetadata('design:paramtypes', [MimcPushService], Feature);

class FeatureModule {}
Module({ providers: [Feature], exports: [Feature] })(FeatureModule);

module.exports = { Feature, FeatureModule, PushToAccountDto };
