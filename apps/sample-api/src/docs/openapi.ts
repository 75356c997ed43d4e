import type { ApiBodyOptions } from '@nestjs/swagger';

/** A schema or a reference to one. `@nestjs/swagger` does not export its name. */
export type Schema = Extract<ApiBodyOptions, { schema: unknown }>['schema'];

/** Examples of a body by their names. */
export type Examples = Record<string, { summary: string; value: object }>;

/** Refers to a schema of the document by its name. */
export function schemaRef(name: string): { $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}

/** The `content` of a JSON body of one of these schemas. */
export function jsonContent(schemas: readonly string[], examples: Examples) {
  const [only, ...others] = schemas.map(schemaRef);
  const schema: Schema = only && others.length === 0 ? only : { oneOf: schemas.map(schemaRef) };
  return { 'application/json': { schema, examples } };
}
