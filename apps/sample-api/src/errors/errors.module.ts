import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { MimcErrorInterceptor } from 'nestjs-mimc';

/** Turns every `MimcError` of a handler into the status and body of the library's table. */
@Module({ providers: [{ provide: APP_INTERCEPTOR, useClass: MimcErrorInterceptor }] })
export class ErrorsModule {}
