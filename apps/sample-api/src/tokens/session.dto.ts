import { ApiProperty } from '@nestjs/swagger';
import { IsString, Length, Matches } from 'class-validator';

/** Who logs in. */
export class SessionDto {
  @ApiProperty({ type: 'string', minLength: 1, maxLength: 256, example: 'alice' })
  // What no token could be issued for is refused here already.
  @Matches(/^[^\p{Cc}\u2028\u2029\uFEFF]*$/u, {
    message: '$property must not contain control characters or line breaks',
  })
  @Length(1, 256)
  @IsString()
  account!: string;
}

/** A session that has begun. */
export class BegunSessionDto {
  @ApiProperty({ type: 'string', description: 'What the user sends as Authorization: Bearer …; lasts an hour.' })
  session!: string;
}
