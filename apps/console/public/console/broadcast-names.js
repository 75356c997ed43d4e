/** What the states of a broadcast are called. `lost` is the page's own. */
export const STATES = {
  scheduled: 'Scheduled',
  enqueuing: 'Being stored',
  running: 'Running',
  paused: 'Paused',
  done: 'Done',
  cancelled: 'Cancelled',
  expired: 'Expired',
  lost: 'No longer followed',
};

/** The address within the page that shows a broadcast. It goes to no server. */
export function hashOf(id) {
  return `#broadcast=${encodeURIComponent(id)}`;
}

/** The broadcast that the address of the page names; undefined when it names none. */
export function idInAddress() {
  const id = /^#broadcast=(.+)$/.exec(location.hash)?.[1];
  try {
    return id && decodeURIComponent(id);
  } catch {
    return undefined;
  }
}
