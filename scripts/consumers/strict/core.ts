/**
 * Compiled, never run: what an application may write under every strict flag of TypeScript. Each optional field may be
 * given as `undefined`, which means not set, and each list may be readonly.
 */
import {
  type MimcAcquireOptions,
  type MimcBroadcastOptions,
  type MimcBroadcastService,
  mimcConfig,
  MimcError,
  type MimcErrorInit,
  type MimcLane,
  MimcModule,
  type MimcModuleExtras,
  type MimcModuleOptions,
  type MimcPushService,
  type PushMessageDto,
  type PushOptions,
  type PushToAccountDto,
  type PushToAccountsDto,
  type PushToTopicsDto,
  SlidingWindowLimiter,
  type TopicId,
} from 'nestjs-mimc';
import {
  type EmulatorFault,
  MimcEmulator,
  type MimcEmulatorOptions,
  MimcTestingModule,
  type MimcTestingModuleOptions,
  RecordingMimcPushService,
} from 'nestjs-mimc/testing';

/** `T` with every optional field there and undefined; does not compile where that is not allowed. */
type Unset<T> = { [Field in keyof T as undefined extends T[Field] ? Field : never]-?: undefined };

// @ts-expect-error a field that is optional but may not be undefined is what this type finds
export const finds = (given: Unset<{ field?: number }>): { field?: number } => given;

/** A variable that may be missing. */
const env = (name: string): string | undefined => process.env[name];
const number = (name: string): number | undefined => {
  const text = env(name);
  return text === undefined ? undefined : Number(text);
};

const retry = { maxAttempts: undefined, baseDelayMs: number('BASE'), maxDelayMs: undefined, delivery: undefined };

export const moduleOptions: MimcModuleOptions & MimcModuleExtras = {
  appId: '1',
  appKey: 'key',
  appSecret: 'secret',
  baseUrl: env('URL'),
  fromAccount: env('FROM'),
  fromResource: undefined,
  quota: { accountsPerSecond: number('QUOTA'), topicsPerSecond: undefined, maxQueued: undefined },
  retry,
  timeouts: { connectMs: number('CONNECT'), responseMs: undefined },
  deadlineMs: number('DEADLINE'),
  shutdownMs: undefined,
  maxMsgBytes: undefined,
  limiter: undefined,
  dispatcher: undefined,
  isGlobal: undefined,
  name: env('NAME'),
  extraProviders: undefined,
};

export const modules = [
  MimcModule.forRoot(moduleOptions),
  MimcModule.forRootAsync({ ...mimcConfig.asProvider(), isGlobal: true }),
  MimcModule.forRootAsync({ useFactory: () => ({ ...mimcConfig(), deadlineMs: number('DEADLINE') }) }),
  MimcTestingModule.forRoot({ isGlobal: undefined, name: undefined, fromAccount: env('FROM') }),
];

export const callOptions: PushOptions = {
  signal: undefined,
  admissionSignal: undefined,
  deadlineMs: number('DEADLINE'),
  retry,
  priority: undefined,
};

/** Everything left out, spelled out. */
export const unset = {
  module: (given: Unset<MimcModuleOptions>): Omit<MimcModuleOptions, 'appId' | 'appKey' | 'appSecret'> => given,
  extras: (given: Unset<MimcModuleExtras>): MimcModuleExtras => given,
  push: (given: Unset<PushOptions>): PushOptions => given,
  broadcast: (given: Unset<MimcBroadcastOptions<string>>): MimcBroadcastOptions<string> => given,
  message: (given: Unset<PushMessageDto>): Omit<PushMessageDto, 'msg'> => given,
  error: (given: Unset<MimcErrorInit>): Omit<MimcErrorInit, 'code' | 'message' | 'outcome'> => given,
  acquire: (given: Unset<MimcAcquireOptions>): Omit<MimcAcquireOptions, 'lane'> => given,
  testing: (given: Unset<MimcTestingModuleOptions>): MimcTestingModuleOptions => given,
  emulator: (given: Unset<MimcEmulatorOptions>): MimcEmulatorOptions => given,
};

export const message = { msg: 'hello', fromAccount: env('FROM'), msgType: undefined, isStore: undefined } as const;

/** What a literal `as const` is. */
export const lists = {
  accounts: ['alice', 'bob'],
  topics: ['21351198708203521', 7, 9n],
} as const satisfies { accounts: readonly string[]; topics: readonly TopicId[] };

export async function pushes(push: MimcPushService, broadcasts: MimcBroadcastService, lane: MimcLane | undefined) {
  const toAccount: PushToAccountDto = { toAccount: 'alice', ...message };
  const toAccounts: PushToAccountsDto = { toAccounts: lists.accounts, ...message };
  const toTopics: PushToTopicsDto = { topicIds: lists.topics, msg: 'hello', bizType: undefined };
  await push.toAccount(toAccount, undefined);
  await push.toAccounts(toAccounts, { priority: lane });
  await push.toTopic({ topicId: 9n, msg: 'hello' }, callOptions);
  const receipt = await push.toTopics(toTopics, { retry: false });
  const broadcast = broadcasts.toAccounts(lists.accounts, message, { chunkSize: undefined, retry, resume: undefined });
  for await (const chunk of broadcast) {
    if (!chunk.ok && chunk.error.outcome === 'unknown') return chunk.recipients;
  }
  const { requests } = broadcasts.estimate('topics', 5, { chunkSize: number('CHUNK') });
  const first: string | undefined = receipt.packetIds[0];
  return [String(requests), first, String(push.status().accounts.unitsPerSecond)];
}

export async function testing(): Promise<readonly string[]> {
  const emulator = await MimcEmulator.start({
    port: number('PORT'),
    credentials: { appId: env('APP_ID'), appKey: undefined, appSecret: undefined },
    quota: { accountsPerSecond: undefined, topicsPerSecond: number('TOPICS') },
    throttle: { status: undefined, retryAfterSeconds: undefined },
    topics: lists.topics,
  });
  const faults = [
    { kind: 'code', code: 429, httpStatus: number('STATUS'), message: undefined },
    { kind: 'hang', accepted: undefined },
  ] as const satisfies readonly EmulatorFault[];
  emulator.failNext(faults);
  const recording = new RecordingMimcPushService(
    { fromAccount: undefined, quota: { maxQueued: undefined } },
    undefined,
  );
  const limiter = new SlidingWindowLimiter({ limits: { accounts: 50 } as const, maxQueued: 1 });
  await limiter.acquire('accounts', 1, { lane: 'bulk', signal: undefined, deadlineAt: number('AT') });
  const error = new MimcError({ code: 'MIMC_API', outcome: 'refused', message: 'no', httpStatus: number('STATUS') });
  return [error.message, ...recording.calls.map(({ method }) => method)];
}
