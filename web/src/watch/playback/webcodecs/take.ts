// One take of the `frames` rendition during playback: its tracks with their decoders, and their place on the player's
// clock.

import { PictureTrack, type CreatePictureDecoder, type Picture } from './picture-track';
import type { FrameRecord } from './records';
import type { SoundBlock } from './sound-message';
import { SoundTrack, type CreateSoundDecoder } from './sound-track';
import type { Display, Tracks } from './tracks';

/** Creates decoders: the browser's unless a test passes its own. */
export interface Decoders {
  pictures?: CreatePictureDecoder;
  sound?: CreateSoundDecoder;
}

/** Callbacks of a take. */
export interface TakeOwner {
  /** Sound to play. */
  sound(block: SoundBlock): void;
  /** Decoding fails repeatedly. */
  failed(reason: string): void;
}

/** The decoders of one take. */
export class Take {
  readonly display: Display | undefined;
  readonly #tracks: Tracks;
  readonly #pictures: PictureTrack | undefined;
  readonly #sound: SoundTrack | undefined;

  constructor(tracks: Tracks, owner: TakeOwner, decoders: Decoders) {
    const { video, audio } = tracks;
    const failed = (reason: string): void => owner.failed(reason);
    const decoded = (block: SoundBlock): void => owner.sound(block);
    this.display = video?.display;
    this.#tracks = tracks;
    this.#pictures = video && new PictureTrack(video.config, failed, decoders.pictures);
    this.#sound = audio && new SoundTrack(audio.config, { decoded, failed }, decoders.sound);
  }

  /** Number of pictures that were never shown. */
  get dropped(): number {
    return this.#pictures?.dropped ?? 0;
  }

  /** The end of the newest sound; undefined without sound. */
  get soundEndMs(): number | undefined {
    return this.#sound?.endMs;
  }

  /** Adds frames in order of arrival; `offsetMs` places them on the player's clock. */
  push(records: readonly FrameRecord[], offsetMs: number): void {
    for (const record of records) {
      if (record.track === this.#tracks.audio?.index) this.#sound?.push(record, offsetMs);
      // During a gap the last picture stays.
      else if (record.track === this.#tracks.video?.index && !record.gap) this.#pictures?.push(record, offsetMs);
    }
  }

  /** Decodes frames that are due soon at `positionMs`. */
  decode(positionMs: number): void {
    this.#pictures?.decode(positionMs);
    this.#sound?.decode(positionMs);
  }

  /** Returns the newest picture that is due, if there is a new one. */
  due(positionMs: number): Picture | undefined {
    return this.#pictures?.due(positionMs);
  }

  /** Drops what was pushed; the next frame must be a keyframe. */
  clear(): void {
    this.#pictures?.clear();
    this.#sound?.clear();
  }

  close(): void {
    this.#pictures?.close();
    this.#sound?.close();
  }
}
