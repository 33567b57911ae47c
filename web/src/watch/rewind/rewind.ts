// Rewinds a live stream: plays its recording, or else the window of a node, next to the live playback, in a media
// element of its own. It ends when the person returns to the live edge, or when the past cannot be played. A window moves:
// what is due may have left it, and its node may be gone. No DOM but that element.

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

/** A source of the past. */
export interface Past {
  access: ItemAccess;
  /** What only a source has that keeps no more than the newest media. */
  window?: MovingWindow;
}

/** The moving window of a node. */
export interface MovingWindow {
  /** Transforms each manifest before it is played. */
  merged: (manifest: Manifest) => Manifest;
  /** Start of what the node still has, on the time line of the manifests. */
  readonly startMs: number;
  /** Whether another node serves the viewer by now. */
  isElsewhere: () => boolean;
}

/** Dependencies and callbacks of a rewind. */
export interface RewindSetup {
  media: Media & Pick<HTMLMediaElement, 'readyState'>;
  /** Where the past is, first choice first: the next one serves while a source has nothing yet or cannot be reached. */
  pasts: Past[];
  fetch: typeof fetch;
  canPlay: (mime: string) => boolean;
  /** Displayed state changed. */
  changed(view: RewindView): void;
  /**
   * The rewind ended: the person or the end of the recording leads back to the live edge, or, with an error, the past
   * cannot be played.
   */
  over(error?: CallError): void;
  /** The rewind ended because its node is gone or has no more what is due; it can begin again so long before the end. */
  lost(behindMs: number, paused: boolean): void;
  attach?: Attach;
}

/** Plays the past of one live stream. */
export class Rewind {
  readonly #setup: RewindSetup;
  #past: Past | undefined;
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

  /** Begins `backMs` before the end. */
  async start(backMs: number, paused = false): Promise<void> {
    let failure: CallError | undefined;
    for (const past of this.#setup.pasts) {
      try {
        await past.access.open();
        const manifest = await this.#fetch(past);
        if (this.#isOver) return;
        const [first, last] = [manifest.takes[0]?.fragments[0], manifest.takes.at(-1)?.fragments.at(-1)];
        if (first === undefined || last === undefined) continue;
        [this.#past, this.#manifest] = [past, manifest];
        this.#startMs = past.window?.startMs ?? first.start_ms;
        this.#play(past, Math.max(this.#startMs, last.start_ms + last.duration_ms - backMs), paused);
        return;
      } catch (error) {
        failure ??= asCallError(error);
      }
    }
    this.#end(failure);
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

  #play(past: Past, startMs: number, paused: boolean): void {
    const { media, fetch, canPlay, attach } = this.#setup;
    this.#player = new ItemPlayer({
      media,
      fetcher: new Fetcher(past.access, { fetch }),
      manifest: () => this.#nextManifest(past),
      canPlay,
      changed: (state) => this.#changed(state),
      ...(attach === undefined ? {} : { attach }),
    });
    if (!paused) this.#player.play();
    this.#player.open(startMs);
  }

  /** Returns the manifest fetched before playback began first. */
  async #nextManifest(past: Past): Promise<Manifest> {
    const known = this.#manifest;
    this.#manifest = undefined;
    return known ?? (await this.#fetch(past));
  }

  async #fetch({ access, window }: Past): Promise<Manifest> {
    const manifest = await fetchManifest(access, this.#setup.fetch);
    if (window === undefined) return manifest;
    const merged = window.merged(manifest);
    this.#startMs = window.startMs;
    return merged;
  }

  #changed(state: PlayerState): void {
    this.#state = state;
    const window = this.#past?.window;
    if (state.phase !== 'failed') this.#show();
    else if (window !== undefined && state.error?.code === 'unknown_blob') this.#lose();
    else this.#end(state.error);
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
    if (this.#isOver) return;
    if (this.#state?.phase === 'waiting' && this.#past?.window?.isElsewhere() === true) this.#lose();
    else this.#setup.changed(this.#view());
  }

  #lose(): void {
    if (this.#isOver) return;
    const { endMs, positionMs, paused } = this.#view();
    this.close();
    this.#setup.lost(endMs - positionMs, paused);
  }

  #end(error?: CallError): void {
    if (this.#isOver) return;
    this.close();
    this.#setup.over(error);
  }
}

/** The value in HTMLMediaElement.readyState. */
const HAVE_FUTURE_DATA = 3;
