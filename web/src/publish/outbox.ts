// The segments of one take on their way to a node: kept until the node has them and a while longer, so that another
// node can be brought up to date when this one dies. Bounded in time and bytes; what falls out is gone, and a node
// that still needs it gets a new take instead. Knows no socket and no clock: time comes in as a value.

/** A recorder's blob, or a piece of one, and what goes with it. */
export interface Segment {
  /** Number in its take, from 0. */
  readonly seq: number;
  readonly bytes: ArrayBuffer;
  /** Our clock when the blob's newest frame was captured, as well as we know. */
  readonly capturedAtMs: number;
  /** Whether it ends with the blob's newest frame. */
  readonly isBlobEnd: boolean;
}

/**
 * The largest segment; blobs are cut, which nodes allow anywhere. In a polling request a segment grows by a third, and has to
 * pass proxies that take 1 MB: nginx does unless it is configured.
 */
export const MAX_SEGMENT_BYTES = 512 * 1024;

/** How much an outbox keeps. */
export interface OutboxLimits {
  keepMs: number;
  keepBytes: number;
  /** How far back a new node starts, so that it also has what viewers had not yet received from the old one. */
  resumeBackMs: number;
}

/** Half a minute, as long as a node's window; 24 MB are 38 s at 5 Mbit/s. */
export const OUTBOX_LIMITS: OutboxLimits = { keepMs: 30_000, keepBytes: 24 * 1024 * 1024, resumeBackMs: 4_000 };

interface Kept {
  segment: Segment;
  /** How often the connection broke while it was on its way. */
  breaks: number;
  /** The state after this segment from which another node can continue, if the node gave one. */
  resume?: string;
}

/** The segments of one take. */
export class Outbox {
  readonly take: number;
  /** The recorder's full type. */
  readonly mime: string;
  readonly #limits: OutboxLimits;
  #kept: Kept[] = [];
  #keptBytes = 0;
  #nextSeq = 0;
  #nextToSend = 0;

  constructor(take: number, mime: string, limits: OutboxLimits = OUTBOX_LIMITS) {
    this.take = take;
    this.mime = mime;
    this.#limits = limits;
  }

  /** Adds the recorder's next blob, in pieces of at most {@link MAX_SEGMENT_BYTES}. */
  push(blob: ArrayBuffer, capturedAtMs: number): void {
    for (let at = 0; at < blob.byteLength; at += MAX_SEGMENT_BYTES) {
      const isBlobEnd = at + MAX_SEGMENT_BYTES >= blob.byteLength;
      const bytes = at === 0 && isBlobEnd ? blob : blob.slice(at, at + MAX_SEGMENT_BYTES);
      this.#kept.push({ segment: { seq: this.#nextSeq, bytes, capturedAtMs, isBlobEnd }, breaks: 0 });
      this.#nextSeq += 1;
    }
    this.#keptBytes += blob.byteLength;
    this.#prune(capturedAtMs);
  }

  /** Takes the next segment to send; none when all are sent, or when {@link broken}. */
  next(): Segment | undefined {
    const segment = this.#at(this.#nextToSend)?.segment;
    if (segment) this.#nextToSend += 1;
    return segment;
  }

  /** Notes that the node has everything up to `seq`, and with `resume` the state after it. */
  accept(seq: number, resume?: string): void {
    const kept = this.#at(seq);
    if (kept && resume !== undefined) kept.resume = resume;
  }

  /** Notes that the connection broke while `seq` was on its way; how often that happened. */
  broke(seq: number): number {
    const kept = this.#at(seq);
    return kept ? ++kept.breaks : 0;
  }

  /** Goes on sending at `seq`. False if that is no longer, or not yet, there: a new take is needed. */
  sendFrom(seq: number): boolean {
    if (seq < this.#firstSeq || seq > this.#nextSeq) return false;
    this.#nextToSend = seq;
    return true;
  }

  /** Whether segments fell out before they were sent: a new take is needed. */
  get broken(): boolean {
    return this.#nextToSend < this.#firstSeq;
  }

  /** How old the oldest segment not yet sent is; 0 when all are. */
  waitingMs(nowMs: number): number {
    const waiting = this.#at(this.#nextToSend);
    return waiting ? Math.max(0, nowMs - waiting.segment.capturedAtMs) : 0;
  }

  /**
   * The state to hand to another node: the newest that is at least `resumeBackMs` old, else the oldest there is.
   * None if the take is so young that the node can have all of it, or if no node gave one.
   */
  resumePoint(nowMs: number): string | undefined {
    const states = this.#kept.filter(({ resume }) => resume !== undefined);
    const old = states.findLast(({ segment }) => nowMs - segment.capturedAtMs >= this.#limits.resumeBackMs);
    if (old) return old.resume;
    return this.#firstSeq === 0 ? undefined : states[0]?.resume;
  }

  get #firstSeq(): number {
    return this.#kept[0]?.segment.seq ?? this.#nextSeq;
  }

  #at(seq: number): Kept | undefined {
    return this.#kept[seq - this.#firstSeq];
  }

  #prune(nowMs: number): void {
    const { keepMs, keepBytes } = this.#limits;
    let drop = 0;
    for (const { segment } of this.#kept) {
      if (this.#keptBytes <= keepBytes && nowMs - segment.capturedAtMs <= keepMs) break;
      this.#keptBytes -= segment.bytes.byteLength;
      drop += 1;
    }
    if (drop > 0) this.#kept = this.#kept.slice(drop);
  }
}
