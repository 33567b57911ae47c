// From queued chunks into a <video>: a media source, its one SourceBuffer, and the queue before both are there. When it
// fails, {@link MediaSink.replace} begins anew with another media source.

import { AppendQueue, type QueuedChunk, type QueuedInit } from './append-queue';
import type { Range } from '../live-edge';
import { MediaBuffer, type MediaBufferOwner } from './media-buffer';
import { attachSource, type AttachSource, type OpenSource } from './media-source';
import type { Video } from './video';

/** See the head of the file. */
export class MediaSink {
  readonly #video: Video;
  readonly #owner: MediaBufferOwner;
  readonly #attachSource: AttachSource;
  #detach: () => void;
  #open: OpenSource | undefined;
  #early = new AppendQueue();
  /** Of the first init segment. */
  #mime: string | undefined;
  #buffer: MediaBuffer | undefined;

  /** `owner.failed` hears of whatever the browser throws, closes or ends, once for each media source. */
  constructor(video: Video, owner: MediaBufferOwner, attach: AttachSource = attachSource) {
    this.#video = video;
    this.#owner = owner;
    this.#attachSource = attach;
    this.#detach = this.#attach();
  }

  /** Whether all that was pushed can be played; false while there is nothing. */
  get isIdle(): boolean {
    return this.#buffer?.isIdle ?? false;
  }

  /** Playable stretches; undefined without a SourceBuffer. */
  get ranges(): Range[] | undefined {
    return this.#buffer?.ranges;
  }

  /** Adds what comes next, an init segment first. */
  push(item: QueuedInit | QueuedChunk): void {
    if (item.kind === 'init') this.#mime ??= item.mime;
    if (this.#buffer === undefined) this.#early.push(item);
    else this.#buffer.push(item);
    this.#addBuffer();
  }

  /** Drops everything, for a new media source. */
  replace(): void {
    this.close();
    this.#buffer = undefined;
    this.#open = undefined;
    this.#mime = undefined;
    this.#early = new AppendQueue();
    const { paused } = this.#video;
    this.#detach = this.#attach();
    // A new source pauses the element; whoever was watching goes on watching. Refusals show in the element.
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

  /** A media source plays from its first init segment on, once the browser opened it. */
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
