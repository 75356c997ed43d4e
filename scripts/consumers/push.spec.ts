/** What an application's own tests do with the installed package: the same source for every consumer's jest. */
import { Body, Controller, type INestApplication, Module, Post, UseInterceptors, ValidationPipe } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  MimcError,
  MimcErrorInterceptor,
  mimcExceptionFactory,
  MimcModule,
  MimcPushService,
  PushToAccountDto,
  PushToTopicDto,
} from 'nestjs-mimc';
import { MimcEmulator, MimcTestingModule, RecordingMimcPushService } from 'nestjs-mimc/testing';

@Controller()
@UseInterceptors(MimcErrorInterceptor)
class PushController {
  constructor(private readonly mimc: MimcPushService) {}

  @Post('push')
  push(@Body() dto: PushToAccountDto) {
    return this.mimc.toAccount(dto);
  }

  @Post('topic')
  pushToTopic(@Body() dto: PushToTopicDto) {
    return this.mimc.toTopic(dto);
  }
}

describe('nestjs-mimc under jest', () => {
  let emulator: MimcEmulator;
  let app: INestApplication;

  beforeAll(async () => {
    emulator = await MimcEmulator.start();
    const connection = { ...emulator.credentials, baseUrl: emulator.url, fromAccount: 'shop', retry: false } as const;

    @Module({ imports: [MimcModule.forRoot(connection)], controllers: [PushController] })
    class AppModule {}

    const compiled = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = compiled.createNestApplication();
    app.useGlobalPipes(new ValidationPipe({ whitelist: true, exceptionFactory: mimcExceptionFactory }));
    await app.listen(0, '127.0.0.1');
  });

  afterAll(async () => {
    await app.close();
    await emulator.close();
  });

  it('pushes through the route of an application to the emulator', async () => {
    const pushed = await post('/push', '{"toAccount":"alice","msg":"hello"}');
    expect(pushed).toEqual({ status: 201, body: expect.objectContaining({ packetId: expect.any(String) }) });
    expect(emulator.inbox('alice').map(({ text }) => text)).toEqual(['hello']);
  });

  it('keeps a topic id of 64 bits', async () => {
    const pushed = await post('/topic', '{"topicId":"9223372036854775807","msg":"hello"}');
    expect(pushed.status).toBe(201);
    expect(emulator.topicInbox('9223372036854775807')).toHaveLength(1);
  });

  it('answers a body that is wrong and a throttling MIMC by its table', async () => {
    expect(await post('/push', '{"toAccount":"","msg":"hello"}')).toMatchObject({
      status: 400,
      body: { code: 'MIMC_INVALID' },
    });
    emulator.failNext({ kind: 'code', code: 429, httpStatus: 429 });
    expect(await post('/push', '{"toAccount":"bob","msg":"hello"}')).toMatchObject({
      status: 429,
      body: { code: 'MIMC_RATE_LIMITED' },
    });
  });

  it('throws a MimcError', async () => {
    const thrown: unknown = await app
      .get(MimcPushService)
      .toAccount({ toAccount: '', msg: '' })
      .catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(MimcError);
    expect(MimcError.is(thrown)).toBe(true);
  });

  it('records pushes where nothing shall be sent', async () => {
    const compiled = await Test.createTestingModule({
      imports: [MimcTestingModule.forRoot()],
      controllers: [PushController],
    }).compile();
    await compiled.get(PushController).push({ toAccount: 'carol', msg: 'hello' });
    const recording: RecordingMimcPushService = compiled.get(MimcPushService);
    expect(recording.calls).toHaveLength(1);
    await compiled.close();
  });

  async function post(path: string, body: string) {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${await app.getUrl()}${path}`, { method: 'POST', headers, body });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
});
