import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import { Public } from '../auth/public.decorator.js';
import { Readiness } from './readiness.js';

@ApiTags('health')
@Public()
@Controller('health')
export class HealthController {
  constructor(private readonly readiness: Readiness) {}

  /** The process runs and answers. */
  @Get('live')
  @ApiOperation({ summary: 'The process runs' })
  @ApiOkResponse({ description: 'It does.' })
  live(): { status: string } {
    return { status: 'ok' };
  }

  /** 503 from the moment a shutdown begins, for the load balancer to send new requests elsewhere. */
  @Get('ready')
  @ApiOperation({ summary: 'The server takes new requests' })
  @ApiOkResponse({ description: 'It does.' })
  @ApiServiceUnavailableResponse({ description: 'It is shutting down.' })
  ready(): { status: string } {
    if (this.readiness.isReady) return { status: 'ok' };
    throw new ServiceUnavailableException('Shutting down');
  }
}
