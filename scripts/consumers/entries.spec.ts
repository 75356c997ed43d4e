/** The entries with optional peers: their types, and that jest loads and runs them. */
import { Body, Controller, Post } from '@nestjs/common';
import { ApiAcceptedResponse, DocumentBuilder, OmitType, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { TerminusModule } from '@nestjs/terminus';
import { MimcModule, PushToAccountDto } from 'nestjs-mimc';
import { MimcQueueModule, RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import { instrumentMimc, MimcOpenTelemetryModule } from 'nestjs-mimc/opentelemetry';
import { ApiMimcErrors, PushReceiptDto } from 'nestjs-mimc/swagger';
import { MimcHealthIndicator } from 'nestjs-mimc/terminus';

const credentials = { appId: '1', appKey: 'key', appSecret: 'secret' };

class NoticeDto extends OmitType(PushToAccountDto, ['fromAccount', 'fromResource']) {}

@Controller('push')
class PushController {
  @Post()
  @ApiAcceptedResponse({ type: PushReceiptDto })
  @ApiMimcErrors()
  push(@Body() dto: PushToAccountDto): object {
    return dto;
  }

  @Post('notice')
  notice(@Body() dto: NoticeDto): object {
    return dto;
  }
}

describe('nestjs-mimc with its optional peers under jest', () => {
  it('reports its health to Terminus and its calls to OpenTelemetry', async () => {
    const compiled = await Test.createTestingModule({
      imports: [TerminusModule, MimcOpenTelemetryModule.forRoot(), MimcModule.forRoot(credentials)],
      providers: [MimcHealthIndicator],
    }).compile();
    await compiled.init();
    expect(await compiled.get(MimcHealthIndicator).isHealthy('mimc')).toMatchObject({ mimc: { status: 'up' } });
    await compiled.close();
    instrumentMimc()();
  });

  it('has durable broadcasts and the limiter on Redis', () => {
    const queue = MimcQueueModule.forRoot({ connection: 'redis://127.0.0.1:6379' });
    expect(queue.module).toBe(MimcQueueModule);
    expect(RedisMimcRateLimiter).toBeInstanceOf(Function);
  });

  it('describes its DTOs, receipts and errors in OpenAPI', async () => {
    const compiled = await Test.createTestingModule({ controllers: [PushController] }).compile();
    const app = compiled.createNestApplication({ logger: false });
    await app.init();
    const { components, paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());
    expect(components?.schemas).toMatchObject({
      PushToAccountDto: { additionalProperties: false, required: ['msg', 'toAccount'] },
      NoticeDto: { required: ['msg', 'toAccount'], properties: { msgType: { enum: ['', 'base64'] } } },
      PushReceiptDto: { required: ['callId', 'attempts', 'timing', 'mayBeDuplicate', 'packetId'] },
      MimcErrorDto: { required: ['statusCode', 'error', 'message', 'code', 'outcome'] },
    });
    expect(paths['/push']?.post?.responses['502']).toMatchObject({
      content: {
        'application/json': {
          schema: { $ref: '#/components/schemas/MimcErrorDto' },
          examples: { MIMC_RESET: { value: { statusCode: 502, outcome: 'unknown' } } },
        },
      },
    });
    await app.close();
  });
});
