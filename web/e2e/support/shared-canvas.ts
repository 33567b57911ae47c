// A source for pages that cannot share a tab: a small canvas with the painted clock, cheap enough for several browsers
// at once.
import { paintClock } from './clock-paint.ts';

export interface SharedCanvas {
  /** So many takes move, later ones are painted once, like a slide; by default all move. */
  movingTakes?: number;
  /** `microphone`: the browser's fake one, for Firefox, whose Web Audio does not start without a loudspeaker. */
  sound: 'none' | 'oscillator' | 'microphone';
}

/** The script that makes a page's `getDisplayMedia` return the canvas. */
export function sharing(canvas: SharedCanvas): string {
  return `(${share.toString()})(${paintClock.toString()}, ${JSON.stringify(canvas)})`;
}

/** Runs in pages. It is sent there as text, so it must be self-contained. */
function share(paint: typeof paintClock, { movingTakes = Infinity, sound }: SharedCanvas): void {
  const { mediaDevices } = navigator;
  let takes = 0;
  mediaDevices.getDisplayMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
    paint(canvas, takes >= movingTakes);
    takes += 1;
    const tracks = canvas.captureStream(30).getTracks();
    if (sound === 'microphone') tracks.push(...(await mediaDevices.getUserMedia({ audio: true })).getTracks());
    if (sound === 'oscillator') tracks.push(...hum().getTracks());
    return new MediaStream(tracks);
  };

  function hum(): MediaStream {
    const context = new AudioContext();
    const output = context.createMediaStreamDestination();
    const tone = new OscillatorNode(context);
    tone.connect(output);
    tone.start();
    return output.stream;
  }
}
