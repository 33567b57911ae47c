// The forms of playback in a page: a <video> for containers, a <canvas> for bare frames.

import type { ServerClock } from '../../transport/clock';
import { canPlayStreams } from '../../watch/playback/mse/media-source';
import { MsePlayback } from '../../watch/playback/mse/mse-playback';
import type { Together } from '../../watch/playback/live-playback';
import type { CreatePlayback, Form } from '../../watch/playback/player';
import { canPlayFrames } from '../../watch/playback/webcodecs/support';
import { WebCodecsPlayback } from '../../watch/playback/webcodecs/webcodecs-playback';
import { CanvasScreen } from './canvas-screen';
import { Still } from './still';

/** The form in which a stream probably plays; undefined if the browser can play none. */
export function likelyForm(): Form | undefined {
  if (canPlayStreams()) return 'container';
  return canPlayFrames() ? 'frames' : undefined;
}

/** Creates playbacks in `video` and on `canvas`; `clock` is the node's; `together` is for members of a party. */
export function createPlaybacks(
  video: HTMLVideoElement,
  canvas: HTMLCanvasElement,
  clock: ServerClock,
  together?: Together,
): CreatePlayback {
  return (form, owner) =>
    form === 'frames'
      ? new WebCodecsPlayback({ screen: new CanvasScreen(canvas) }, clock, owner, together)
      : new MsePlayback({ video, cover: new Still(video) }, clock, owner, together);
}
