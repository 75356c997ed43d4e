import { subscribe, unsubscribe, type ChannelListener } from 'node:diagnostics_channel';
import type { MimcAttemptEvent, MimcCallEvent, MimcRetryEvent, MimcThrottledEvent } from '../index.js';

/** The diagnostics channels in use, with their events. Node names the five parts of a tracing channel like this. */
interface Channels {
  'tracing:mimc:call:start': MimcCallEvent;
  'tracing:mimc:call:asyncEnd': MimcCallEvent;
  'tracing:mimc:attempt:start': MimcAttemptEvent;
  'tracing:mimc:attempt:asyncEnd': MimcAttemptEvent;
  'mimc:retry': MimcRetryEvent;
  'mimc:throttled': MimcThrottledEvent;
}

/** Undoes what was begun; harmless when called twice. */
export type Undo = () => void;

/** Listens to a channel until undone. */
export function listen<C extends keyof Channels>(channel: C, listener: (event: Channels[C]) => void): Undo {
  const onMessage: ChannelListener = (message) => listener(message as Channels[C]);
  subscribe(channel, onMessage);
  return () => {
    unsubscribe(channel, onMessage);
  };
}

/** Undoes all, in this order. */
export function undoAll(steps: readonly Undo[]): Undo {
  return () => {
    for (const undo of steps) undo();
  };
}
