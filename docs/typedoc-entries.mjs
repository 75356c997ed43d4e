import { Converter, ReflectionKind } from 'typedoc';

/** Nest calls these, and applications do not. */
const LIFECYCLE = new Set([
  'onModuleInit',
  'onApplicationBootstrap',
  'onModuleDestroy',
  'beforeApplicationShutdown',
  'onApplicationShutdown',
]);

/**
 * A typedoc plugin: calls each entry by the name that applications import, in place of its folder, and leaves the lifecycle
 * methods of classes out, so that a page begins with what its readers call.
 */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const entry of project.children ?? []) {
      entry.name = entry.name === 'index' ? 'nestjs-mimc' : `nestjs-mimc/${entry.name}`;
    }
    for (const method of project.getReflectionsByKind(ReflectionKind.Method)) {
      if (LIFECYCLE.has(method.name)) project.removeReflection(method);
    }
    for (const type of project.getReflectionsByKind(ReflectionKind.Class)) {
      type.implementedTypes = type.implementedTypes?.filter(({ name }) => !LIFECYCLE.has(lowerFirst(name)));
    }
  });
}

function lowerFirst(name) {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
