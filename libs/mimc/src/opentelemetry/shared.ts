import type { Undo } from './channels.js';

/**
 * Lets several users share what `begin` begins for a provider: it begins with the first of them and is undone with the
 * last. The channels are the process's own, so that two listeners for one provider would count every call twice.
 */
export function sharedBy<P extends object>(begin: (provider: P) => Undo): (provider: P) => Undo {
  const inUse = new Map<P, { users: number; undo: Undo }>();
  return (provider) => {
    const shared = inUse.get(provider) ?? { users: 0, undo: begin(provider) };
    inUse.set(provider, shared);
    shared.users += 1;
    let mine = true;
    return () => {
      if (!mine) return;
      mine = false;
      shared.users -= 1;
      if (shared.users > 0) return;
      inUse.delete(provider);
      shared.undo();
    };
  };
}
