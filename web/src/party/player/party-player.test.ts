// Members play the party's entries at the right time: songs without a gap, changes at their time, whatever delays the
// browser and the network cause.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PartyTimeline } from '../../protocol/party';
import { fakeEntry } from '../fake-party';
import { FakeTimers } from '../fake-timers';
import { Follower } from './follower';
import type { Deck } from './deck';
import { HAVE_FUTURE_DATA, HAVE_METADATA, type PartyMedia } from './media';
import { PartyPlayer } from './party-player';

/** The delays of a browser. */
interface Browser {
  /** From `play()` until the position moves. */
  startsMs: number;
  seeksMs: number;
  /** From opening an entry, or a seek outside the buffer, until there is media. */
  loadsMs: number;
}

const BROWSER: Browser = { startsMs: 90, seeksMs: 30, loadsMs: 200 };

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => vi.useRealTimers());

const serverMs = (): number => Date.now() + 5_000;

/** A media element that plays by the fake clock. */
class FakeElement extends EventTarget {
  preservesPitch = true;
  muted = false;
  volume = 1;
  src = '';
  error = null;
  readonly browser: Browser;
  readonly durationMs = 60_000;
  plays = 0;
  #fromMs = 0;
  #atMs = 0;
  #rate = 1;
  #runsFromMs = Infinity;
  #readyAtMs = Infinity;
  #seekedAtMs = 0;

  constructor(browser: Browser) {
    super();
    this.browser = browser;
  }

  get currentTime(): number {
    return this.positionMs / 1000;
  }

  set currentTime(s: number) {
    this.#place(s * 1000);
    this.#seekedAtMs = Date.now() + this.browser.seeksMs;
    this.#runsFromMs = Math.max(this.#runsFromMs, this.#seekedAtMs);
  }

  get positionMs(): number {
    const ranMs = Math.max(0, Date.now() - Math.max(this.#atMs, this.#runsFromMs));
    return Math.min(this.durationMs, this.#fromMs + ranMs * this.#rate);
  }

  get playbackRate(): number {
    return this.#rate;
  }

  set playbackRate(rate: number) {
    this.#place(this.positionMs);
    this.#rate = rate;
  }

  get seeking(): boolean {
    return Date.now() < this.#seekedAtMs;
  }

  get readyState(): number {
    return Date.now() < this.#readyAtMs ? 0 : this.seeking ? HAVE_METADATA : HAVE_FUTURE_DATA;
  }

  get paused(): boolean {
    return this.#runsFromMs === Infinity;
  }

  get ended(): boolean {
    return this.positionMs >= this.durationMs;
  }

  load(): void {
    this.#readyAtMs = Date.now() + this.browser.loadsMs;
  }

  play(): Promise<void> {
    this.plays++;
    if (this.paused) this.#runsFromMs = Date.now() + this.browser.startsMs;
    return Promise.resolve();
  }

  pause(): void {
    this.#place(this.positionMs);
    this.#runsFromMs = Infinity;
  }

  removeAttribute(): void {
    this.#readyAtMs = Infinity;
  }

  get isHeard(): boolean {
    return Date.now() >= this.#runsFromMs && !this.ended && !this.seeking;
  }

  #place(ms: number): void {
    this.#fromMs = ms;
    this.#atMs = Date.now();
  }
}

const plays = (id: string, inMs: number, more: Partial<PartyTimeline> = {}): PartyTimeline => ({
  entry: fakeEntry(id, { duration_ms: 60_000 }),
  item_id: fakeEntry(id).item_id ?? '',
  position_ms: 0,
  at_ms: serverMs() + inMs,
  paused: false,
  round: 1,
  ...more,
});

function open(browser: Browser = BROWSER) {
  const elements: [FakeElement, FakeElement] = [new FakeElement(browser), new FakeElement(browser)];
  const timers = new FakeTimers();
  const now = (): number => Date.now();
  const clock = { serverMs: (): number | undefined => (known.clock ? serverMs() : undefined) };
  const known = { clock: true };
  const refused = { now: false };
  const opened: string[] = [];
  const player = new PartyPlayer<PartyMedia>({
    media: elements,
    clock,
    timers,
    now,
    trimMs: () => trim.ms,
    changed: () => undefined,
    createDeck: ({ entry, timeline, positionMs, media, lead, begun }): Deck => {
      const element = media as unknown as FakeElement;
      opened.push(entry.entry_id);
      element.load();
      element.currentTime = positionMs / 1000;
      const follower = new Follower(
        {
          media,
          clock,
          timers,
          lead,
          now,
          play: () => void element.play(),
          pause: () => element.pause(),
          seek: (ms) => (element.currentTime = ms / 1000),
          trimMs: () => trim.ms,
          elementSound: { lateMs: 0, cutMs: 0 },
          durationMs: () => element.durationMs,
          begun,
        },
        timeline,
        positionMs,
      );
      return {
        entry,
        get timeline() {
          return follower.timeline;
        },
        wave: undefined,
        problem: undefined,
        isUnfit: false,
        get isRefused() {
          return refused.now;
        },
        isOnCanvas: false,
        isForesighted: false,
        hasVocals: false,
        setVocals: () => undefined,
        get isOver() {
          return element.ended || element.paused;
        },
        announce: () => undefined,
        get isPlaying() {
          return follower.isPlaying;
        },
        get lateMs() {
          return follower.lateMs;
        },
        isBuffering: (server, local) => follower.isBuffering(server, local),
        follow: (next, server) => follower.follow(next, server),
        step: (server, local) => follower.step(server, local),
        unlock: () => undefined,
        soundChanged: () => undefined,
        close: () => {
          follower.close();
          element.pause();
          element.removeAttribute();
        },
      };
    },
  });
  const trim = { ms: 0 };
  /** The audible position; undefined if none or two are audible. */
  const heard = (): number | undefined => {
    const [first, ...others] = elements.filter((element) => element.isHeard);
    return others.length > 0 ? undefined : first?.positionMs;
  };
  /** Lets time pass. Returns how long nothing was audible, and the largest error against `wanted`. */
  const run = async (ms: number, wanted: () => number) => {
    const seen = { silentMs: 0, worstMs: 0 };
    for (let at = 0; at < ms; at += 5) {
      await vi.advanceTimersByTimeAsync(5);
      const position = heard();
      if (position === undefined) seen.silentMs += 5;
      else seen.worstMs = Math.max(seen.worstMs, Math.abs(position - wanted()));
    }
    return seen;
  };
  return { player, elements, heard, run, known, opened, trim, refused };
}

it('the press reaches the refused element, and no other element in use', async () => {
  const { player, elements, refused } = open();
  player.learn(plays('a', 0, { paused: true }));
  await vi.advanceTimersByTimeAsync(1_000);
  const begun = (): number[] => elements.map(({ plays }) => plays);
  const before = begun();
  player.unlock();
  expect(begun().map((plays, place) => plays - (before[place] ?? 0))).toEqual([0, 1]);
  refused.now = true;
  player.unlock();
  expect(begun().map((plays, place) => plays - (before[place] ?? 0))).toEqual([1, 2]);
  expect(elements.map(({ paused }) => paused)).toEqual([true, true]);
  player.close();
});

describe('a song', () => {
  it('that is announced begins at its time, and stays in sync', async () => {
    const { player, run, heard } = open();
    const timeline = plays('a', 1_000);
    player.learn(timeline);
    await vi.advanceTimersByTimeAsync(900);
    expect(heard()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(8_000);
    const { silentMs, worstMs } = await run(20_000, () => serverMs() - timeline.at_ms);
    expect([silentMs, worstMs < 12]).toEqual([0, true]);
    expect(player.view).toMatchObject({ phase: 'playing', entryId: 'a', isBuffering: false });
    player.close();
  });

  it('that is already playing is joined at its position', async () => {
    const { player, run } = open({ ...BROWSER, loadsMs: 1_500 });
    const timeline = plays('a', -20_000);
    player.learn(timeline);
    await vi.advanceTimersByTimeAsync(10_000);
    expect((await run(5_000, () => serverMs() - timeline.at_ms)).worstMs).toBeLessThan(12);
    player.close();
  });

  it('follows the previous one without a gap once the start delay is learnt', async () => {
    const { player, run, heard } = open();
    let timeline = plays('a', 1_000);
    player.learn(timeline);
    for (let round = 2; round <= 7; round++) {
      await vi.advanceTimersByTimeAsync(timeline.at_ms + 57_000 - serverMs());
      timeline = plays(`s${round}`, 3_000, { round });
      player.learn(timeline);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    const at = timeline.at_ms;
    const wanted = (): number => {
      const sinceMs = serverMs() - at;
      // Around its beginning either song may be audible.
      return (heard() ?? 0) > 30_000 ? 60_000 + sinceMs : sinceMs;
    };
    const seen = await run(4_000, wanted);
    expect(seen.silentMs).toBeLessThanOrEqual(30);
    expect(seen.worstMs).toBeLessThan(30);
    player.close();
  });

  it('does not begin before the server’s time is known', async () => {
    const { player, known, heard, run } = open();
    known.clock = false;
    const timeline = plays('a', 500);
    player.learn(timeline);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(heard()).toBeUndefined();
    known.clock = true;
    await vi.advanceTimersByTimeAsync(8_000);
    expect((await run(2_000, () => serverMs() - timeline.at_ms)).worstMs).toBeLessThan(12);
    player.close();
  });
});

describe('changes', () => {
  const playing = async (browser?: Browser) => {
    const opened = open(browser);
    const timeline = plays('a', 500);
    opened.player.learn(timeline);
    await vi.advanceTimersByTimeAsync(10_000);
    return { ...opened, timeline };
  };

  it('a pause stops at the party’s position, and continues from there in the same element', async () => {
    const { player, heard, timeline, run, opened, elements } = await playing();
    const paused = { ...timeline, paused: true, position_ms: 10_000, at_ms: serverMs() + 400 };
    player.learn(paused);
    await vi.advanceTimersByTimeAsync(350);
    expect(heard()).toBeDefined();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(heard()).toBeUndefined();
    expect(player.view.phase).toBe('paused');
    expect(elements[0].positionMs).toBe(10_000);
    const at_ms = serverMs() + 400;
    player.learn({ ...paused, paused: false, at_ms });
    await vi.advanceTimersByTimeAsync(7_000);
    expect((await run(3_000, () => 10_000 + serverMs() - at_ms)).worstMs).toBeLessThan(12);
    expect(opened).toEqual(['a']);
    player.close();
  });

  it('an announced seek is prepared in the other element', async () => {
    const { player, timeline, run } = await playing({ ...BROWSER, loadsMs: 100 });
    const at_ms = serverMs() + 400;
    player.learn({ ...timeline, position_ms: 40_000, at_ms });
    const before = timeline.at_ms;
    const seen = await run(1_000, () => (serverMs() < at_ms ? serverMs() - before : 40_000 + serverMs() - at_ms));
    expect(seen.silentMs).toBeLessThan(150);
    await vi.advanceTimersByTimeAsync(6_000);
    expect((await run(2_000, () => 40_000 + serverMs() - at_ms)).worstMs).toBeLessThan(12);
    player.close();
  });

  it.each([
    ['forward', 5_000],
    ['back', -2_000],
  ])('many seeks %s in a row open the entry once more, and end where the last one goes', async (_, byMs) => {
    const { player, timeline, run, opened } = await playing({ ...BROWSER, loadsMs: 100 });
    let last = timeline;
    for (let n = 1; n <= 5; n++) {
      last = { ...timeline, position_ms: 20_000 + n * byMs, at_ms: serverMs() + 400 };
      player.learn(last);
      await vi.advanceTimersByTimeAsync(300);
    }
    expect(opened).toEqual(['a', 'a']);
    await vi.advanceTimersByTimeAsync(7_000);
    const seen = await run(1_000, () => last.position_ms + serverMs() - last.at_ms);
    expect([seen.silentMs, seen.worstMs < 12]).toEqual([0, true]);
    player.close();
  });

  it('a start that is postponed shortly before happens at its new time', async () => {
    const { player, run, heard } = open();
    const timeline = plays('a', 1_000);
    player.learn(timeline);
    await vi.advanceTimersByTimeAsync(930);
    const later = { ...timeline, at_ms: serverMs() + 2_000 };
    player.learn(later);
    await vi.advanceTimersByTimeAsync(1_800);
    expect(heard()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(8_000);
    const seen = await run(1_000, () => serverMs() - later.at_ms);
    expect([seen.silentMs, seen.worstMs < 12]).toEqual([0, true]);
    player.close();
  });

  it('a cancelled announcement is never audible', async () => {
    const { player, timeline, run } = await playing();
    player.learn(plays('b', 3_000, { round: 2 }));
    await vi.advanceTimersByTimeAsync(1_000);
    player.learn({ ...timeline });
    const { silentMs, worstMs } = await run(6_000, () => serverMs() - timeline.at_ms);
    expect([silentMs, worstMs < 12]).toEqual([0, true]);
    player.close();
  });

  it('an identical snapshot changes nothing', async () => {
    const { player, timeline, run, opened } = await playing();
    player.learn({ ...timeline });
    expect((await run(2_000, () => serverMs() - timeline.at_ms)).silentMs).toBe(0);
    expect(opened).toEqual(['a']);
    player.close();
  });

  it('is silent when there is nothing more to play', async () => {
    const { player, heard } = await playing();
    player.learn({ position_ms: 0, at_ms: serverMs(), paused: true, round: 2 });
    await vi.advanceTimersByTimeAsync(500);
    expect([heard(), player.view.phase]).toEqual([undefined, 'idle']);
    player.close();
  });

  it('a member’s trim shifts the sound by that much', async () => {
    const { player, trim, timeline, run } = await playing();
    trim.ms = 120;
    await vi.advanceTimersByTimeAsync(12_000);
    expect((await run(2_000, () => serverMs() - timeline.at_ms + 120)).worstMs).toBeLessThan(12);
    player.close();
  });
});

it('everything is released when it is closed', async () => {
  const { player } = open();
  player.learn(plays('a', 500));
  await vi.advanceTimersByTimeAsync(2_000);
  player.close();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(vi.getTimerCount()).toBe(0);
});
