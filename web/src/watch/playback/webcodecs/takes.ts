// The takes that play: the one that arrives, and those before it until it has its first picture on screen.

import type { Picture } from './picture-track';
import type { FrameRecord } from './records';
import { Take, type Decoders, type TakeOwner } from './take';
import type { Display, Tracks } from './tracks';

/** See the head of the file. Times are those of the player's clock, milliseconds. */
export class Takes {
  readonly #owner: TakeOwner;
  readonly #decoders: Decoders;
  /** The newest last. */
  #takes: Take[] = [];
  #dropped = 0;

  constructor(owner: TakeOwner, decoders: Decoders) {
    this.#owner = owner;
    this.#decoders = decoders;
  }

  /** Pictures that were never shown. */
  get dropped(): number {
    return this.#takes.reduce((sum, take) => sum + take.dropped, this.#dropped);
  }

  /** Whether the take that arrives has sound alone. */
  get isSoundOnly(): boolean {
    return this.#newest !== undefined && this.#newest.display === undefined;
  }

  /** Where the newest sound ends; undefined without sound. */
  get soundEndMs(): number | undefined {
    return this.#newest?.soundEndMs;
  }

  /** A take begins. */
  begin(tracks: Tracks): void {
    this.#takes.push(new Take(tracks, this.#owner, this.#decoders));
  }

  /** Adds frames of the newest take; `offsetMs` lays them on the player's clock. */
  push(records: readonly FrameRecord[], offsetMs: number): void {
    this.#newest?.push(records, offsetMs);
  }

  /** Decodes what is due soon at `positionMs`. */
  decode(positionMs: number): void {
    for (const take of this.#takes) take.decode(positionMs);
  }

  /** Takes out the newest picture that is due, if there is a new one, and how to show it. */
  due(positionMs: number): (Picture & { display: Display }) | undefined {
    for (const [index, take] of [...this.#takes.entries()].reverse()) {
      const picture = take.due(positionMs);
      if (picture === undefined || take.display === undefined) continue;
      this.#drop(this.#takes.splice(0, index));
      return { ...picture, display: take.display };
    }
    return undefined;
  }

  /** Forgets what was pushed: what comes next begins with a keyframe. */
  clear(): void {
    for (const take of this.#takes) take.clear();
  }

  /** Forgets all takes. */
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
