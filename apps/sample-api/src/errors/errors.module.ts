import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { MimcErrorInterceptor } from 'nestjs-mimc';

/** Answers every `MimcError` that a handler throws with the status and the body of the library's table. */
@Module({ providers: [{ provide: APP_INTERCEPTOR, useClass: MimcErrorInterceptor }] })
export class ErrorsModule {}
