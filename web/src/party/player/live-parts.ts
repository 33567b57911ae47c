// How a page plays live streams: the elements are the page's, and so are the playbacks in them.

import type { ServerClock } from '../../transport/clock';
import type { Together } from '../../watch/playback/live-playback';
import type { CreatePlayback, Form } from '../../watch/playback/player';

/** How the page plays live streams. */
export interface LiveParts {
  /** The form in which streams probably play; undefined where none can play. */
  form: Form | undefined;
  /** Makes playbacks in `video` and on the page's canvas; `clock` is the node's. */
  create: (video: HTMLVideoElement, clock: ServerClock, together: Together) => CreatePlayback;
}
