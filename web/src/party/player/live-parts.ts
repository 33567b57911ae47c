// What a page provides to play live streams: its elements, and the playbacks in them.

import type { ServerClock } from '../../transport/clock';
import type { Together } from '../../watch/playback/live-playback';
import type { CreatePlayback, Form } from '../../watch/playback/player';

/** The page's means to play live streams. */
export interface LiveParts {
  /** The form in which streams probably play; undefined if the browser can play none. */
  form: Form | undefined;
  /** Creates playbacks in `video` and on the page's canvas; `clock` is the node's. */
  create: (video: HTMLVideoElement, clock: ServerClock, together: Together) => CreatePlayback;
}
