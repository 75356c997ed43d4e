import { ValidationPipe } from '@nestjs/common';
import { mimcExceptionFactory } from 'nestjs-mimc';

/** Refuses what breaks a rule of its DTO, unknown fields too, as the push service refuses it. */
export function createValidationPipe(): ValidationPipe {
  return new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: true,
    transform: true,
    exceptionFactory: mimcExceptionFactory,
  });
}
