import { Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { HealthIndicatorResult } from '@nestjs/terminus';
import {
  getMimcPushToken,
  type InPart,
  MimcError,
  MimcPushService,
  type MimcPushStatus,
  type MimcQuotaStatus,
} from '../index.js';

/** Up to where a module counts as healthy. */
export interface HealthLimits {
  /** Failed attempts in a row with which it is down. Default 5. */
  maxConsecutiveFailures: number;
  /** Calls that may wait for either quota. Default: no limit but the module's own `quota.maxQueued`. */
  maxQueued: number;
  /** After how many milliseconds without a further failure the latest no longer counts. Default 60,000. */
  forgetAfterMs: number;
}

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
 * does a failure older than `forgetAfterMs`: an instance that gets no traffic while it is down could never come up again.
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

/** Why a module is not healthy; undefined when it is. */
function troubleOf(status: MimcPushStatus, limits: HealthLimits): string | undefined {
  if (status.closing) return 'The application is shutting down';
  return failureTrouble(status, limits) ?? queueTrouble(status, limits);
}

function failureTrouble(
  { consecutiveFailures, lastFailure, lastFailureAgeMs = Infinity }: MimcPushStatus,
  { maxConsecutiveFailures, forgetAfterMs }: HealthLimits,
): string | undefined {
  if (lastFailure === undefined || consecutiveFailures === 0 || lastFailureAgeMs > forgetAfterMs) return;
  if (lastFailure.code === 'MIMC_AUTH') return 'MIMC refuses the credentials';
  if (consecutiveFailures < maxConsecutiveFailures) return;
  return `The last ${consecutiveFailures} attempts failed`;
}

function queueTrouble({ accounts, topics }: MimcPushStatus, { maxQueued }: HealthLimits): string | undefined {
  const queued = Math.max(accounts.queued, topics.queued);
  return queued > maxQueued ? `${queued} calls wait for quota` : undefined;
}

/** What a health check shows of a module; none of it is secret. */
function healthDetails({ consecutiveFailures, accounts, topics, ...last }: MimcPushStatus) {
  return {
    consecutiveFailures,
    ...(last.lastSuccessAt !== undefined && { lastSuccessAt: new Date(last.lastSuccessAt).toISOString() }),
    ...(last.lastFailureAt !== undefined && { lastFailureAt: new Date(last.lastFailureAt).toISOString() }),
    ...(last.lastFailure !== undefined && { lastFailure: { ...last.lastFailure } }),
    accounts: quotaDetails(accounts),
    topics: quotaDetails(topics),
  };
}

function quotaDetails({ queued, usedUnits, unitsPerSecond, resumesInMs }: MimcQuotaStatus) {
  return {
    queued,
    usedUnits,
    ...(unitsPerSecond !== undefined && { unitsPerSecond }),
    /** How long the penalty lasts; 0 when there is none. */
    resumesInMs: Math.ceil(resumesInMs),
  };
}
