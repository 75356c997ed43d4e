import { ApiProperty } from '@nestjs/swagger';
import { IsString, Length, Matches } from 'class-validator';

/** The account that logs in. */
export class SessionDto {
  @ApiProperty({ type: 'string', minLength: 1, maxLength: 256, example: 'alice' })
  // No token could be issued for such an account, so it is refused here.
  @Matches(/^[^\p{Cc}\u2028\u2029\uFEFF]*$/u, {
    message: '$property must not contain control characters or line breaks',
  })
  @Length(1, 256)
  @IsString()
  account!: string;
}

/** A new session. */
export class BegunSessionDto {
  @ApiProperty({ type: 'string', description: 'Sent by the user as Authorization: Bearer …; valid for an hour.' })
  session!: string;
}
