// Plays the entries of a party at the party's time. One deck plays while another prepares the announced entry, begins
// at its time and takes over, so that entries follow without a gap. There are two media elements, for the decks that
// need one. No DOM but the elements.

import type { Entry, PartyTimeline } from '../../protocol/party';
import type { PartyClock } from '../clock';
import { Lead } from '../drift';
import type { PlaybackView } from '../session';
import { goesOn, isSameEntry, positionAt, Schedule } from '../timeline';
import type { Timers } from '../timers';
import type { Deck } from './deck';
import type { PartyMedia } from './media';

/** Interval of steps, randomised so that it is never in sync with the browser's position updates. */
const STEP = { leastMs: 25, moreMs: 20 };
/** Interval while nothing is playing or announced. */
const IDLE_MS = 200;
/** How far ahead an unannounced deck prepares. */
const JOIN_MS = 700;
/** An announcement at least this far ahead may be ready in time. */
const ANNOUNCED_MS = 250;
/** Initial lead of a start, until it is learnt. */
const FIRST_LEAD_MS = 40;
/** An entry that ends by itself within this time is not cut off. */
const ENDING_MS = 400;

/** Creates the deck of an entry. */
export type CreateDeck<M extends PartyMedia> = (make: {
  entry: Entry;
  timeline: PartyTimeline;
  /** The position to prepare. */
  positionMs: number;
  media: M;
  /** Whether a deck without the element failed to play it. */
  needsElement: boolean;
  lead: Lead;
  /** Playback was started; it will be heard in `inMs`. */
  begun: (inMs: number) => void;
  changed: () => void;
}) => Deck;

/** Dependencies and callbacks of a player. */
export interface PartyPlayerSetup<M extends PartyMedia> {
  media: readonly [M, M];
  clock: Pick<PartyClock, 'serverMs'>;
  timers: Timers;
  /** Monotonic. */
  now: () => number;
  createDeck: CreateDeck<M>;
  trimMs: () => number;
  /** {@link PartyPlayer.view} may have changed; `isNew`: it certainly did. */
  changed: (isNew: boolean) => void;
}

/** A deck and its element. */
interface Slot<M> {
  deck: Deck;
  media: M;
}

/** The playback of one member. */
export class PartyPlayer<M extends PartyMedia> {
  readonly #setup: PartyPlayerSetup<M>;
  readonly #schedule = new Schedule();
  readonly #lead = new Lead(FIRST_LEAD_MS);
  #current: Slot<M> | undefined;
  #standby: Slot<M> | undefined;
  /** A deck that plays to its own end. */
  #ending: Slot<M> | undefined;
  /** The timeline given to the current deck, or one without an entry. */
  #done: PartyTimeline | undefined;
  #pending: PartyTimeline | undefined;
  /** Entries that need a media element. */
  readonly #unfit = new Set<string>();
  /** The volume of vocals for this member. */
  #vocals = 1;
  #cancel: (() => void) | undefined;
  #isClosed = false;

  constructor(setup: PartyPlayerSetup<M>) {
    this.#setup = setup;
    this.#tick();
  }

  /** Learns the party's newest timeline. */
  learn(timeline: PartyTimeline): void {
    const serverMs = this.#setup.clock.serverMs();
    if (serverMs === undefined) this.#pending = timeline;
    else {
      this.#pending = undefined;
      this.#schedule.learn(timeline, serverMs);
      this.#step();
    }
  }

  /** The person pressed something, so the browser lets the page play. */
  unlock(): void {
    for (const media of this.#setup.media) {
      // Some browsers permit each element separately, and only during the press.
      if (!media.paused || (this.#isUsed(media) && !this.#isRefused(media))) continue;
      media.play().catch(() => undefined);
      media.pause();
    }
    this.#current?.deck.unlock();
    this.#standby?.deck.unlock();
  }

  /** The volume of the media elements changed. */
  soundChanged(): void {
    this.#current?.deck.soundChanged();
  }

  /** Sets the volume of songs' vocals for this member, 0 to 1. */
  setVocals(share: number): void {
    this.#vocals = share;
    for (const slot of [this.#current, this.#standby]) slot?.deck.setVocals(share);
  }

  /** The element that shows the picture. */
  get surface(): M | 'canvas' | undefined {
    return this.#current?.deck.isOnCanvas === true ? 'canvas' : this.#current?.media;
  }

  /** The timeline of the current entry; undefined while nothing plays. */
  get timeline(): PartyTimeline | undefined {
    return this.#current?.deck.timeline;
  }

  /** The state of playback. */
  get view(): PlaybackView & { isBuffering: boolean } {
    const deck = this.#current?.deck;
    const serverMs = this.#setup.clock.serverMs();
    const isBuffering = serverMs !== undefined && deck?.isBuffering(serverMs, this.#setup.now()) === true;
    return {
      phase: this.#phase(deck, serverMs),
      entryId: deck?.entry.entry_id,
      isLive: deck?.entry.stream_id !== undefined,
      errorMs: deck?.lateMs,
      problem: deck?.problem,
      wave: deck?.wave,
      hasVocals: deck?.hasVocals === true,
      isBuffering,
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
    for (const slot of [this.#current, this.#standby, this.#ending]) slot?.deck.close();
  }

  #phase(deck: Deck | undefined, serverMs: number | undefined): PlaybackView['phase'] {
    if (deck === undefined) return 'idle';
    if (deck.problem !== undefined) return 'failed';
    if (deck.isRefused) return 'needs_gesture';
    if (deck.timeline.paused) return 'paused';
    return deck.isPlaying && serverMs !== undefined && !deck.isBuffering(serverMs, this.#setup.now())
      ? 'playing'
      : 'loading';
  }

  #tick(): void {
    if (this.#isClosed) return;
    const isIdle = this.#current === undefined && this.#standby === undefined;
    this.#cancel = this.#setup.timers.after(isIdle ? IDLE_MS : STEP.leastMs + Math.random() * STEP.moreMs, () => {
      this.#step();
      this.#tick();
    });
  }

  #step(): void {
    const serverMs = this.#setup.clock.serverMs();
    if (serverMs === undefined || this.#isClosed) return;
    if (this.#pending !== undefined) {
      this.#schedule.learn(this.#pending, serverMs);
      this.#pending = undefined;
    }
    const { now, next } = this.#schedule.due(serverMs);
    if (now !== this.#done) this.#turnTo(now, serverMs);
    this.#current?.deck.announce(next);
    this.#prepare(next, now, serverMs);
    this.#current = this.#fit(this.#current, serverMs);
    this.#standby = this.#fit(this.#standby, serverMs);
    const nowMs = this.#setup.now();
    this.#current?.deck.step(serverMs, nowMs);
    this.#standby?.deck.step(serverMs, nowMs);
    if (this.#ending?.deck.isOver === true) this.#endEnding();
    this.#setup.changed(false);
  }

  /** Switches to `timeline`, whose time has come. */
  #turnTo(timeline: PartyTimeline | undefined, serverMs: number): void {
    this.#done = timeline;
    const current = this.#current?.deck;
    if (this.#standby !== undefined && this.#standby.deck.timeline === timeline) {
      this.#takeOver();
      return;
    }
    this.#drop('standby');
    if (timeline?.entry === undefined) {
      this.#drop('current');
    } else if (current !== undefined && isSameEntry(current.timeline, timeline)) {
      if (current.timeline !== timeline) current.follow(timeline, serverMs);
    } else {
      this.#drop('current');
      this.#current = this.#open(timeline.entry, timeline, serverMs);
    }
  }

  #takeOver(): void {
    const before = this.#current;
    this.#current = this.#standby;
    this.#standby = undefined;
    if (before === undefined) return;
    const isEnding = before.deck.entry.entry_id !== this.#current?.deck.entry.entry_id && this.#endsSoon(before.deck);
    if (!isEnding) {
      before.deck.close();
      return;
    }
    this.#endEnding();
    this.#ending = before;
  }

  #endsSoon({ entry, timeline }: Deck): boolean {
    const serverMs = this.#setup.clock.serverMs() ?? 0;
    const leftMs = (entry.duration_ms ?? Infinity) - positionAt(timeline, serverMs);
    return !timeline.paused && leftMs < ENDING_MS;
  }

  #endEnding(): void {
    this.#ending?.deck.close();
    this.#ending = undefined;
  }

  /** Prepares the announced timeline. */
  #prepare(next: PartyTimeline | undefined, now: PartyTimeline | undefined, serverMs: number): void {
    const current = this.#current?.deck;
    if (this.#standby !== undefined && this.#standby.deck.timeline !== next)
      this.#redirect(this.#standby.deck, next, serverMs);
    if (next?.entry?.item_id === undefined || this.#standby !== undefined) return;
    if (current !== undefined && isSameEntry(current.timeline, next)) {
      if (current.isForesighted) return;
      // A pause needs no preparation; playback that continues from its position stays in the same element.
      if (next.paused || current.timeline === next || (now !== undefined && goesOn(now, next))) return;
      if (current.timeline.paused && Math.abs(current.timeline.position_ms - next.position_ms) < 1) {
        current.follow(next, serverMs);
        return;
      }
    }
    this.#standby = this.#open(next.entry, next, serverMs);
  }

  /**
   * The announcement changed: if it still plays the same entry, the prepared deck moves there and need not be opened
   * again.
   */
  #redirect(standby: Deck, next: PartyTimeline | undefined, serverMs: number): void {
    const { timeline } = standby;
    const isSeek = next !== undefined && isSameEntry(timeline, next) && !timeline.paused && !next.paused;
    if (isSeek && next.entry?.item_id !== undefined) standby.follow(next, serverMs);
    else this.#drop('standby');
  }

  #open(entry: Entry, timeline: PartyTimeline, serverMs: number): Slot<M> {
    const media = this.#freeMedia();
    const isAhead = timeline.paused || timeline.at_ms > serverMs + ANNOUNCED_MS;
    const positionMs = isAhead ? timeline.position_ms : positionAt(timeline, serverMs + JOIN_MS) + this.#setup.trimMs();
    const deck = this.#setup.createDeck({
      entry,
      timeline,
      positionMs: Math.max(0, positionMs),
      media,
      needsElement: this.#unfit.has(entry.entry_id),
      lead: this.#lead,
      begun: (inMs) => this.#setup.timers.after(inMs, () => this.#step()),
      changed: () => this.#setup.changed(true),
    });
    deck.setVocals(this.#vocals);
    return { deck, media };
  }

  /** Returns the deck, or replaces it by another kind that can play its entry. */
  #fit(slot: Slot<M> | undefined, serverMs: number): Slot<M> | undefined {
    if (slot?.deck.isUnfit !== true) return slot;
    const { entry, timeline } = slot.deck;
    this.#unfit.add(entry.entry_id);
    slot.deck.close();
    return this.#open(entry, timeline, serverMs);
  }

  /** The element that the current deck does not use; whatever is ending in it ends now. */
  #freeMedia(): M {
    const [first, second] = this.#setup.media;
    const media = this.#current?.media === first ? second : first;
    if (this.#ending?.media === media) this.#endEnding();
    return media;
  }

  #isUsed(media: M): boolean {
    return this.#current?.media === media || this.#standby?.media === media;
  }

  /** Whether the browser did not allow the deck of this element to play. */
  #isRefused(media: M): boolean {
    return [this.#current, this.#standby].some((slot) => slot?.media === media && slot.deck.isRefused);
  }

  #drop(which: 'current' | 'standby'): void {
    const slot = which === 'current' ? this.#current : this.#standby;
    slot?.deck.close();
    if (which === 'current') this.#current = undefined;
    else this.#standby = undefined;
  }
}
