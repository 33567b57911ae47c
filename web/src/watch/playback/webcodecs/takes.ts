// The takes in playback: the newest one, and earlier ones until its first picture is on screen.

import type { Picture } from './picture-track';
import type { FrameRecord } from './records';
import { Take, type Decoders, type TakeOwner } from './take';
import type { Display, Tracks } from './tracks';

/** Switches from take to take. Times are on the player's clock, milliseconds. */
export class Takes {
  readonly #owner: TakeOwner;
  readonly #decoders: Decoders;
  /** Newest last. */
  #takes: Take[] = [];
  #dropped = 0;

  constructor(owner: TakeOwner, decoders: Decoders) {
    this.#owner = owner;
    this.#decoders = decoders;
  }

  /** Number of pictures that were never shown. */
  get dropped(): number {
    return this.#takes.reduce((sum, take) => sum + take.dropped, this.#dropped);
  }

  /** Whether the newest take has only sound. */
  get isSoundOnly(): boolean {
    return this.#newest !== undefined && this.#newest.display === undefined;
  }

  /** The end of the newest sound; undefined without sound. */
  get soundEndMs(): number | undefined {
    return this.#newest?.soundEndMs;
  }

  begin(tracks: Tracks): void {
    this.#takes.push(new Take(tracks, this.#owner, this.#decoders));
  }

  /** Adds frames of the newest take; `offsetMs` places them on the player's clock. */
  push(records: readonly FrameRecord[], offsetMs: number): void {
    this.#newest?.push(records, offsetMs);
  }

  /** Decodes frames that are due soon at `positionMs`. */
  decode(positionMs: number): void {
    for (const take of this.#takes) take.decode(positionMs);
  }

  /** Returns the newest picture that is due, if there is a new one, and how to display it. */
  due(positionMs: number): (Picture & { display: Display }) | undefined {
    for (const [index, take] of [...this.#takes.entries()].reverse()) {
      const picture = take.due(positionMs);
      if (picture === undefined || take.display === undefined) continue;
      this.#drop(this.#takes.splice(0, index));
      return { ...picture, display: take.display };
    }
    return undefined;
  }

  /** Drops what was pushed; the next frame must be a keyframe. */
  clear(): void {
    for (const take of this.#takes) take.clear();
  }

  /** Drops all takes. */
  close(): void {
    this.#drop(this.#takes.splice(0));
  }

  get #newest(): Take | undefined {
    return this.#takes.at(-1);
  }

  #drop(takes: readonly Take[]): void {
    for (const take of takes) {
      take.close();
      this.#dropped += take.dropped;
    }
  }
}
