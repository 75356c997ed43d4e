import { t } from './i18n.js';

/** What the state of a broadcast is called. `lost` is the page's own. */
export function stateName(state) {
  return t(`state.${state}`);
}

/** The URL fragment that shows a broadcast. It is never sent to a server. */
export function hashOf(id) {
  return `#broadcast=${encodeURIComponent(id)}`;
}

/** The broadcast that the page's URL fragment names, if any. */
export function idInAddress() {
  const id = /^#broadcast=(.+)$/.exec(location.hash)?.[1];
  try {
    return id && decodeURIComponent(id);
  } catch {
    return undefined;
  }
}
