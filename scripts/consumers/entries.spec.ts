/** The entries with optional peers: their types, and that jest loads and runs them. */
import { Test } from '@nestjs/testing';
import { TerminusModule } from '@nestjs/terminus';
import { MimcModule } from 'nestjs-mimc';
import { MimcBroadcastQueueModule, RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import { instrumentMimc, MimcOpenTelemetryModule } from 'nestjs-mimc/opentelemetry';
import { MimcHealthIndicator } from 'nestjs-mimc/terminus';

const credentials = { appId: '1', appKey: 'key', appSecret: 'secret' };

describe('nestjs-mimc with its optional peers under jest', () => {
  it('tells Terminus its health and OpenTelemetry its calls', async () => {
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
    const queue = MimcBroadcastQueueModule.forRoot({ connection: 'redis://127.0.0.1:6379' });
    expect(queue.module).toBe(MimcBroadcastQueueModule);
    expect(RedisMimcRateLimiter).toBeInstanceOf(Function);
  });
});
