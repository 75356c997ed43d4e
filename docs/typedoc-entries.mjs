import { Converter } from 'typedoc';

/** A typedoc plugin: calls each entry by the name that applications import, in place of its folder. */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const entry of project.children ?? []) {
      entry.name = entry.name === 'index' ? 'nestjs-mimc' : `nestjs-mimc/${entry.name}`;
    }
  });
}
