import { ValidationPipe } from '@nestjs/common';
import { mimcExceptionFactory } from 'nestjs-mimc';

/** Refuses bodies that break a rule of their DTO, or have unknown fields, with the same errors as the push service. */
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
