// Draws decoded pictures on a <canvas>, scaled to square pixels and upright.

import type { Screen } from '../../watch/playback/webcodecs/screen';
import type { Display } from '../../watch/playback/webcodecs/tracks';

/** Pictures drawn before a refresh are visible one refresh later, which at the usual 60 Hz takes this long. */
const REFRESH_MS = 1000 / 60;

/** A {@link Screen} on a canvas. */
export class CanvasScreen implements Screen {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D | null;
  #drawn = false;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { alpha: false });
  }

  get width(): number {
    return this.#drawn ? this.#canvas.width : 0;
  }

  get height(): number {
    return this.#drawn ? this.#canvas.height : 0;
  }

  draw(frame: VideoFrame, { pixelAspect, rotation }: Display): void {
    const context = this.#context;
    if (context === null) return;
    // The size may change with every picture.
    const height = frame.visibleRect?.height ?? frame.displayHeight;
    const width = Math.round((frame.visibleRect?.width ?? frame.displayWidth) * pixelAspect);
    const lies = rotation === 90 || rotation === 270;
    this.#resize(lies ? height : width, lies ? width : height);
    context.setTransform(1, 0, 0, 1, this.#canvas.width / 2, this.#canvas.height / 2);
    context.rotate((rotation * Math.PI) / 180);
    context.drawImage(frame, -width / 2, -height / 2, width, height);
    this.#drawn = true;
  }

  onRefresh(refresh: (displayedAtMs: number) => void): () => void {
    let handle = 0;
    const next = (atMs: number): void => {
      handle = requestAnimationFrame(next);
      refresh(performance.timeOrigin + atMs + REFRESH_MS);
    };
    handle = requestAnimationFrame(next);
    return () => cancelAnimationFrame(handle);
  }

  #resize(width: number, height: number): void {
    // Setting width or height clears the canvas.
    if (this.#canvas.width === width && this.#canvas.height === height) return;
    this.#canvas.width = width;
    this.#canvas.height = height;
  }
}
