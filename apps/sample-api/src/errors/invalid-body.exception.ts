import { BadRequestException, HttpStatus } from '@nestjs/common';
import { MimcError, mimcErrorBody } from 'nestjs-mimc';

/**
 * Refuses a body before its DTO is validated, with the answer of a `MIMC_INVALID`. Not a `MimcError`, because it is thrown
 * outside the handlers, where the interceptor does not see it.
 */
export class InvalidBodyException extends BadRequestException {
  /** @param field the wrong field; default: the whole body */
  constructor(rule: string, message: string, field = '') {
    const violations = [{ field, rule, message }];
    const error = new MimcError({ code: 'MIMC_INVALID', outcome: 'not-sent', message, violations });
    super(mimcErrorBody(error, HttpStatus.BAD_REQUEST));
  }
}
