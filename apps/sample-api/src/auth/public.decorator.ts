import { SetMetadata } from '@nestjs/common';

/** Metadata of routes that need no API key. */
export const IS_PUBLIC = Symbol('IS_PUBLIC');

/** Marks a controller or a route that needs no API key. */
export const Public = () => SetMetadata(IS_PUBLIC, true);
