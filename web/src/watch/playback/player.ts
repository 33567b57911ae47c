// The player of one viewer: plays each take in the form that its type requires, and appears as one playback. A take in
// another form replaces the playback, but keeps the person's choices (playing, muted, volume).

import type { StreamingData } from '../../protocol/event';
import type { Playback, PlaybackOwner, PlaybackStats } from './playback';

/** `frames`: bare frames, decoded by the page; `container`: played by a <video>. */
export type Form = 'frames' | 'container';

/** Creates playbacks. */
export type CreatePlayback = (form: Form, owner: PlaybackOwner) => Playback;

/** Callbacks of a player. */
export interface PlayerOwner extends PlaybackOwner {
  /** The form changed; the new playback is paused. */
  formChanged(form: Form): void;
}

/** Chooses and replaces the playback of one viewer. */
export class Player implements Playback {
  readonly #create: CreatePlayback;
  readonly #owner: PlayerOwner;
  #form: Form;
  #playback: Playback;
  /** Counters of replaced playbacks. */
  #before = { stalls: 0, jumps: 0, droppedFrames: 0 };

  /** Begins with the likely form. */
  constructor(form: Form, create: CreatePlayback, owner: PlayerOwner) {
    this.#create = create;
    this.#owner = owner;
    this.#form = form;
    this.#playback = create(form, owner);
  }

  get form(): Form {
    return this.#form;
  }

  push(data: StreamingData): void {
    const changes = data.kind === 'init' && formOf(data.mime) !== this.#form;
    if (changes) this.#replace(formOf(data.mime));
    this.#playback.push(data);
    if (changes) this.#owner.formChanged(this.#form);
  }

  expectBacklog(): void {
    this.#playback.expectBacklog();
  }

  startAfresh(): void {
    this.#playback.startAfresh();
  }

  get live(): boolean {
    return this.#playback.live;
  }

  set live(live: boolean) {
    this.#playback.live = live;
  }

  jumpToLive(): void {
    this.#playback.jumpToLive();
  }

  get stats(): PlaybackStats {
    const { stats } = this.#playback;
    const { stalls, jumps, droppedFrames } = this.#before;
    return {
      ...stats,
      stalls: stats.stalls + stalls,
      jumps: stats.jumps + jumps,
      droppedFrames: stats.droppedFrames + droppedFrames,
    };
  }

  async play(): Promise<void> {
    await this.#playback.play();
  }

  pause(): void {
    this.#playback.pause();
  }

  get isPaused(): boolean {
    return this.#playback.isPaused;
  }

  get muted(): boolean {
    return this.#playback.muted;
  }

  set muted(muted: boolean) {
    this.#playback.muted = muted;
  }

  get volume(): number {
    return this.#playback.volume;
  }

  set volume(volume: number) {
    this.#playback.volume = volume;
  }

  close(): void {
    this.#playback.close();
  }

  #replace(form: Form): void {
    const { live, muted, volume } = this.#playback;
    this.#before = this.stats;
    this.#playback.close();
    this.#form = form;
    this.#playback = Object.assign(this.#create(form, this.#owner), { live, muted, volume });
  }
}

/** The form of a take with this type. */
function formOf(mime: string): Form {
  return mime.startsWith('application/x-undead-frames') ? 'frames' : 'container';
}
