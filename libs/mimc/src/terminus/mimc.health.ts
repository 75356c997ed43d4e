import { Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { HealthIndicatorResult } from '@nestjs/terminus';
import { getMimcPushToken, type InPart, MimcError, MimcPushService } from '../index.js';
import { healthDetails } from './health-details.js';
import { type HealthLimits, troubleOf } from './trouble.js';

/** Options of {@link MimcHealthIndicator.isHealthy}. */
export interface MimcHealthOptions extends InPart<HealthLimits> {
  /** `name` of the MIMC module; default the one without a name. */
  name?: string | undefined;
}

/**
 * Tells Terminus how a MIMC module fares, from what its pushes met; it never sends one. A provider of any module.
 *
 * It is down while the application shuts down, when MIMC refused the credentials last, after `maxConsecutiveFailures`,
 * and when more than `maxQueued` calls wait. A throttled, refused or aborted push says nothing of MIMC's health. Neither
 * does a failure older than `forgetAfterMs`: whoever gets no traffic for being down could never be up again.
 *
 * @example
 * health.check([() => mimc.isHealthy('mimc')])
 */
@Injectable()
export class MimcHealthIndicator {
  constructor(private readonly moduleRef: ModuleRef) {}

  /**
   * The health under `key`, with recent outcome, penalty and queue of the module as details; no secret is among them.
   *
   * @throws MimcError `MIMC_CONFIG` when there is no module with that name
   */
  async isHealthy<const Key extends string>(
    key: Key,
    { name, maxConsecutiveFailures = 5, maxQueued = Infinity, forgetAfterMs = 60_000 }: MimcHealthOptions = {},
  ): Promise<HealthIndicatorResult<Key>> {
    const status = this.#push(name).status();
    const trouble = troubleOf(status, { maxConsecutiveFailures, maxQueued, forgetAfterMs });
    const details = healthDetails(status);
    const health: HealthIndicatorResult[string] =
      trouble === undefined ? { ...details, status: 'up' } : { message: trouble, ...details, status: 'down' };
    return { [key]: health } as HealthIndicatorResult<Key>;
  }

  #push(name: string | undefined): MimcPushService {
    try {
      return this.moduleRef.get(getMimcPushToken(name), { strict: false });
    } catch {
      const which = name === undefined ? 'MimcModule without a name' : `MimcModule with the name "${name}"`;
      const message = `MimcHealthIndicator: the application has no ${which}`;
      throw new MimcError({ code: 'MIMC_CONFIG', outcome: 'not-sent', message });
    }
  }
}
