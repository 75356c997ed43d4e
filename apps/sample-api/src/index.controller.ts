import { Controller, Get } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from './auth/public.decorator.js';

/** Links from `/`. */
@ApiExcludeController()
@Public()
@Controller()
export class IndexController {
  @Get()
  index(): Record<string, string> {
    return {
      name: 'nestjs-mimc sample API',
      docs: '/docs',
      openapi: '/openapi.json',
      health: '/health/ready',
      metrics: '/metrics',
      broadcasts: '/broadcasts',
    };
  }
}
