// Moves queued chunks into a <video>: holds a media source, its single SourceBuffer, and the queue until both exist.
// After a failure, {@link MediaSink.replace} starts over with another media source.

import { AppendQueue, type QueuedChunk, type QueuedInit } from './append-queue';
import type { Range } from '../live-edge';
import { MediaBuffer, type MediaBufferOwner } from './media-buffer';
import { attachSource, type AttachSource, type OpenSource } from './media-source';
import type { Video } from './video';

/** The media source of a video, and its buffer. */
export class MediaSink {
  readonly #video: Video;
  readonly #owner: MediaBufferOwner;
  readonly #attachSource: AttachSource;
  #detach: () => void;
  #open: OpenSource | undefined;
  #early = new AppendQueue();
  /** The type of the first init segment. */
  #mime: string | undefined;
  #buffer: MediaBuffer | undefined;

  /** `owner.failed` is called once per media source for any error, closing or end by the browser. */
  constructor(video: Video, owner: MediaBufferOwner, attach: AttachSource = attachSource) {
    this.#video = video;
    this.#owner = owner;
    this.#attachSource = attach;
    this.#detach = this.#attach();
  }

  /** Whether everything that was pushed can be played; false while there is nothing. */
  get isIdle(): boolean {
    return this.#buffer?.isIdle ?? false;
  }

  /** Playable ranges; undefined without a SourceBuffer. */
  get ranges(): Range[] | undefined {
    return this.#buffer?.ranges;
  }

  /** Adds an item; the first must be an init segment. */
  push(item: QueuedInit | QueuedChunk): void {
    if (item.kind === 'init') this.#mime ??= item.mime;
    if (this.#buffer === undefined) this.#early.push(item);
    else this.#buffer.push(item);
    this.#addBuffer();
  }

  /** Drops everything, and attaches a new media source. */
  replace(): void {
    this.close();
    this.#buffer = undefined;
    this.#open = undefined;
    this.#mime = undefined;
    this.#early = new AppendQueue();
    const { paused } = this.#video;
    this.#detach = this.#attach();
    // A new source pauses the element, so playback is resumed. Refusals show in the element.
    if (!paused) this.#video.play().catch(() => undefined);
  }

  /** Stops; the last picture stays. */
  close(): void {
    this.#buffer?.close();
    this.#detach();
  }

  #attach(): () => void {
    return this.#attachSource(this.#video, {
      opened: (source) => {
        this.#open = source;
        this.#addBuffer();
      },
      lost: (reason) => this.#owner.failed(reason),
    });
  }

  /** Adds the SourceBuffer once the browser opened the source and the first init segment is known. */
  #addBuffer(): void {
    if (this.#open === undefined || this.#mime === undefined || this.#buffer !== undefined) return;
    try {
      this.#buffer = new MediaBuffer(this.#open.addSourceBuffer(this.#mime), this.#owner, this.#early);
    } catch (error) {
      this.#owner.failed(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#buffer.flush();
  }
}
