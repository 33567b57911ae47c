// Rewinds from the live edge in <ud-player>: chooses the source of the past, and starts and ends its playback.

import type { MainServer } from '../../api/client';
import { site } from '../../browser/site';
import { ItemAccess } from '../../library/access';
import { Library } from '../../library/api';
import type { ItemId, PlayItem } from '../../protocol/item';
import type { StreamId } from '../../protocol/stream';
import { canPlayType } from '../../watch/playback/mse/media-source';
import { Rewind, type Past, type RewindView } from '../../watch/rewind/rewind';
import { WindowManifest, windowAccess } from '../../watch/rewind/window';
import { SKIP_MS } from './commands';

/** The part of the player that rewinding needs. */
export interface GoingBackOwner {
  server: MainServer;
  streamId: () => StreamId;
  /** The recording of the stream, if there is one. */
  recording: () => ItemId | undefined;
  /** The viewer's passphrase or invitation. */
  admission: () => PlayItem;
  /** The current node. */
  node: () => string | undefined;
  /** The viewer's newest grant; empty if none is needed. */
  grant: () => string;
  /** The element for the past, which exists only while it is shown. */
  video: () => Promise<HTMLVideoElement>;
  /** The displayed state of the past changed; undefined once it ended. */
  changed(view: RewindView | undefined): void;
  /** Playback continues at the live edge; `failed`: because the past could not be played. */
  backToLive(failed: boolean): void;
}

/** How often a rewind begins again before something was played. */
const MOST_LOSSES = 3;

/** The view before anything is known. */
const BEGINNING: RewindView = { positionMs: 0, startMs: 0, endMs: 0, paused: false, waiting: true };

/** Starts and ends the rewind of one player. */
export class GoingBack {
  readonly #owner: GoingBackOwner;
  #rewind: Rewind | undefined;
  /** The attempt that is waiting for its element. */
  #begins: symbol | undefined;
  /** How often what was due was lost since something was played. */
  #losses = 0;

  constructor(owner: GoingBackOwner) {
    this.#owner = owner;
  }

  /** The running rewind, if any. */
  get rewind(): Rewind | undefined {
    return this.#rewind;
  }

  /** Whether there is anything to rewind to. */
  get isPossible(): boolean {
    return this.#owner.recording() !== undefined || this.#owner.node() !== undefined;
  }

  /** Plays what was live some seconds ago. Returns whether there is anything. */
  async begin(backMs = SKIP_MS, paused = false): Promise<boolean> {
    const pasts = this.#pasts();
    if (this.#begins !== undefined || this.#rewind !== undefined || pasts.length === 0) return false;
    const begins = Symbol('begins');
    this.#begins = begins;
    this.#owner.changed(BEGINNING);
    const media = await this.#owner.video();
    if (this.#begins !== begins) return false;
    this.#begins = undefined;
    this.#rewind = new Rewind({
      media,
      pasts,
      fetch: (input, init) => fetch(input, init),
      canPlay: canPlayType,
      changed: (view) => {
        if (!view.waiting) this.#losses = 0;
        this.#owner.changed(view);
      },
      over: (error) => {
        this.end();
        this.#owner.backToLive(error !== undefined);
      },
      lost: (behindMs, paused) => this.#lost(behindMs, paused),
    });
    void this.#rewind.start(backMs, paused);
    return true;
  }

  /** Begins again, at the node that serves the viewer now. */
  #lost(behindMs: number, paused: boolean): void {
    this.#rewind = undefined;
    this.#losses++;
    if (this.#losses <= MOST_LOSSES) {
      void this.begin(behindMs, paused);
      return;
    }
    this.end();
    this.#owner.backToLive(true);
  }

  /** Ends the rewind. */
  end(): void {
    this.#begins = undefined;
    this.#losses = 0;
    this.#rewind?.close();
    this.#rewind = undefined;
    this.#owner.changed(undefined);
  }

  /** The recording, and the window of the node, for as long as the recording has nothing or cannot be read. */
  #pasts(): Past[] {
    const { origin } = location;
    const pasts: Past[] = [];
    const [recording, node, streamId] = [this.#owner.recording(), this.#owner.node(), this.#owner.streamId()];
    if (recording !== undefined) {
      const library = new Library(this.#owner.server);
      const setup = { itemId: recording, body: this.#owner.admission(), keptBase: site(''), origin };
      pasts.push({ access: new ItemAccess({ ...setup, play: (id, body) => library.play(id, body) }) });
    }
    if (node !== undefined) {
      const access = windowAccess(streamId, node, () => this.#owner.grant(), origin);
      pasts.push({ access, window: new WindowManifest(() => this.#owner.node() !== node) });
    }
    return pasts;
  }
}
