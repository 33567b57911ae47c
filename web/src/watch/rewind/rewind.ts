// Rewinds a live stream: plays its recording, or else the window of a node, next to the live playback, in a media
// element of its own. It ends when the person returns to the live edge, or when the past cannot be played. No DOM but
// that element.

import { Fetcher } from '../../library/fetcher';
import type { ItemAccess } from '../../library/access';
import { fetchManifest } from '../../library/manifests';
import { ItemPlayer, type PlayerState } from '../../library/player/item-player';
import type { Attach, Media } from '../../library/player/media';
import { asCallError, type CallError } from '../../protocol/error';
import type { Manifest } from '../../protocol/item';

/** A position this close to the end means the live edge. */
const LIVE_EDGE_MS = 1_500;
/** Interval of updates to the display, in ms. */
const LOOK_MS = 250;

/** The displayed state of a rewind. */
export interface RewindView {
  /** The position and the playable range, on one time line. */
  positionMs: number;
  startMs: number;
  endMs: number;
  paused: boolean;
  /** Whether playback is waiting for media. */
  waiting: boolean;
}

/** The source of the past. */
export interface Past {
  access: ItemAccess;
  /** Transforms each manifest before it is played. */
  merged?: (manifest: Manifest) => Manifest;
}

/** Dependencies and callbacks of a rewind. */
export interface RewindSetup {
  media: Media & Pick<HTMLMediaElement, 'readyState'>;
  past: Past;
  fetch: typeof fetch;
  canPlay: (mime: string) => boolean;
  /** Displayed state changed. */
  changed(view: RewindView): void;
  /**
   * The rewind ended: the person or the end of the recording leads back to the live edge, or, with an error, the past
   * cannot be played.
   */
  over(error?: CallError): void;
  attach?: Attach;
}

/** Plays the past of one live stream. */
export class Rewind {
  readonly #setup: RewindSetup;
  #player: ItemPlayer | undefined;
  #state: PlayerState | undefined;
  #startMs = 0;
  #manifest: Manifest | undefined;
  readonly #timer: ReturnType<typeof setInterval>;
  #isOver = false;

  constructor(setup: RewindSetup) {
    this.#setup = setup;
    this.#timer = setInterval(() => this.#show(), LOOK_MS);
  }

  /** Begins to play `backMs` before the end. */
  async start(backMs: number): Promise<void> {
    try {
      await this.#setup.past.access.open();
      const manifest = await this.#fetch();
      if (this.#isOver) return;
      this.#manifest = manifest;
      const [first, last] = [manifest.takes[0]?.fragments[0], manifest.takes.at(-1)?.fragments.at(-1)];
      if (first === undefined || last === undefined) {
        this.#end();
        return;
      }
      this.#startMs = first.start_ms;
      this.#play(Math.max(this.#startMs, last.start_ms + last.duration_ms - backMs));
    } catch (error) {
      this.#end(asCallError(error));
    }
  }

  /** Goes to a time; at the end, to the live edge. */
  seek(ms: number): void {
    const { endMs } = this.#view();
    if (ms > endMs - LIVE_EDGE_MS) this.#end();
    else this.#player?.seek(Math.max(this.#startMs, ms));
    this.#show();
  }

  /** Skips forward, or back if negative. */
  skip(ms: number): void {
    this.seek(this.#view().positionMs + ms);
  }

  get isPaused(): boolean {
    return this.#setup.media.paused;
  }

  setPlaying(plays: boolean): void {
    if (plays) this.#player?.play();
    else this.#player?.pause();
    this.#show();
  }

  close(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#player?.close();
  }

  #play(startMs: number): void {
    const { media, past, fetch, canPlay, attach } = this.#setup;
    this.#player = new ItemPlayer({
      media,
      fetcher: new Fetcher(past.access, { fetch }),
      manifest: () => this.#nextManifest(),
      canPlay,
      changed: (state) => this.#changed(state),
      ...(attach === undefined ? {} : { attach }),
    });
    this.#player.play();
    this.#player.open(startMs);
  }

  /** Returns the manifest fetched before playback began first. */
  async #nextManifest(): Promise<Manifest> {
    const known = this.#manifest;
    this.#manifest = undefined;
    return known ?? (await this.#fetch());
  }

  async #fetch(): Promise<Manifest> {
    const { past, fetch } = this.#setup;
    const manifest = await fetchManifest(past.access, fetch);
    return past.merged?.(manifest) ?? manifest;
  }

  #changed(state: PlayerState): void {
    this.#state = state;
    if (state.phase === 'failed') this.#end(state.error);
    else this.#show();
  }

  #view(): RewindView {
    const { currentTime, paused, readyState, seeking } = this.#setup.media;
    return {
      positionMs: Math.max(this.#startMs, currentTime * 1000),
      startMs: this.#startMs,
      endMs: Math.max(this.#state?.durationMs ?? 0, this.#startMs),
      paused,
      waiting: this.#state?.phase !== 'playing' || seeking || readyState < HAVE_FUTURE_DATA,
    };
  }

  #show(): void {
    if (!this.#isOver) this.#setup.changed(this.#view());
  }

  #end(error?: CallError): void {
    if (this.#isOver) return;
    this.close();
    this.#setup.over(error);
  }
}

/** The value in HTMLMediaElement.readyState. */
const HAVE_FUTURE_DATA = 3;
