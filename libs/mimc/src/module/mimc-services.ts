import type { FactoryProvider, InjectionToken } from '@nestjs/common';
import { MimcTokenService } from '../accounts/mimc-token.service.js';
import { MimcBroadcastService } from '../broadcast/mimc-broadcast.service.js';
import { MimcPushService } from '../push/mimc-push.service.js';
import type { MimcSettings } from '../push/settings.js';
import { MimcTopicService } from '../topics/mimc-topic.service.js';
import { MimcUnlimitedTopicService } from '../topics/mimc-unlimited-topic.service.js';
import {
  getMimcBroadcastToken,
  getMimcPushToken,
  getMimcTokenServiceToken,
  getMimcTopicToken,
  getMimcUnlimitedTopicToken,
} from './mimc.tokens.js';
import { refuseBun } from './run-time.js';

/** The services built on the push service, each with its injection token. */
const SERVICES = {
  broadcasts: { type: MimcBroadcastService, tokenOf: getMimcBroadcastToken },
  tokens: { type: MimcTokenService, tokenOf: getMimcTokenServiceToken },
  topics: { type: MimcTopicService, tokenOf: getMimcTopicToken },
  unlimitedTopics: { type: MimcUnlimitedTopicService, tokenOf: getMimcUnlimitedTopicToken },
} as const;

/** The services of one MIMC application. */
export type MimcServices = { readonly push: MimcPushService } & {
  readonly [Name in keyof typeof SERVICES]: InstanceType<(typeof SERVICES)[Name]['type']>;
};

/**
 * Makes the push service of a MIMC application, with its credentials.
 *
 * @throws MimcError `MIMC_CONFIG`
 */
export async function createPush(settings: MimcSettings): Promise<MimcPushService> {
  await prepare(settings);
  return new MimcPushService(settings);
}

/**
 * What has to be done before a push service is made.
 *
 * @throws MimcError `MIMC_CONFIG`
 */
export async function prepare({ credentials }: MimcSettings): Promise<void> {
  refuseBun();
  await credentials.load();
}

/** All services of an application, as one object. */
export function servicesOf(push: MimcPushService): MimcServices {
  const others = Object.entries(SERVICES).map(([name, { type }]) => [name, new type(push)]);
  return Object.freeze({ push, ...Object.fromEntries(others) }) as MimcServices;
}

/** The providers of the services on top of the push service of the module with this `name`. */
export function serviceProviders(name: string | undefined): FactoryProvider[] {
  return Object.values(SERVICES).map(({ type, tokenOf }) => ({
    provide: tokenOf(name) as InjectionToken,
    inject: [getMimcPushToken(name)],
    useFactory: (push: MimcPushService) => new type(push),
  }));
}
