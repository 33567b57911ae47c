// A source for pages that share no tab: a small canvas with the painted clock, cheap enough for several browsers at once.
import { paintClock } from './clock-paint.ts';

export interface SharedCanvas {
  /** Painted once, like a slide. */
  still: boolean;
  /** `microphone`: the browser's fake one, for Firefox, whose Web Audio does not start without a loudspeaker. */
  sound: 'none' | 'oscillator' | 'microphone';
}

/** The script that makes a page's `getDisplayMedia` give the canvas. */
export function sharing(canvas: SharedCanvas): string {
  return `(${share.toString()})(${paintClock.toString()}, ${JSON.stringify(canvas)})`;
}

/** Runs in pages: it is sent there as text, so everything it needs is inside. */
function share(paint: typeof paintClock, { still, sound }: SharedCanvas): void {
  const { mediaDevices } = navigator;
  mediaDevices.getDisplayMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
    paint(canvas, still);
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
