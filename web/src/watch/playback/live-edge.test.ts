// The controller with a simulated player: it settles near the live edge and stays there, whatever arrives when.

import { describe, expect, it } from 'vitest';
import { LiveEdge, type Range } from './live-edge';

const TICK_MS = 20;

interface Chunk {
  startMs: number;
  endMs: number;
  arrivesMs: number;
}

/** A player reduced to a playhead and its buffer; media plays until it runs out. */
class FakePlayer {
  readonly edge = new LiveEdge();
  nowMs = 0;
  positionMs = 0;
  stalls = 0;
  seeks: number[] = [];
  rates = new Set<number>();
  /** Distance of the playhead from capture (media time is capture time here), one entry per tick. */
  latenciesMs: number[] = [];
  jump = false;
  /** The delay behind capture of a party's members. */
  togetherDelayMs: number | undefined;
  #ranges: Range[] = [];
  #edgeMs = -1;
  #stalled = true;
  #heldAtMs: number | undefined;
  #startedAtMs = Infinity;
  #started = false;
  #rate = 1;
  readonly #due: Chunk[];

  constructor(chunks: Chunk[]) {
    this.#due = [...chunks];
  }

  run(untilMs: number): this {
    const due = this.#due;
    for (; this.nowMs < untilMs; this.nowMs += TICK_MS) {
      for (; due[0] && due[0].arrivesMs <= this.nowMs; due.shift()) this.#append(due[0]);
      this.#advance();
      this.#decide();
      this.latenciesMs.push(this.nowMs - this.positionMs);
    }
    return this;
  }

  /** The median of the last `ms`. */
  latencyOverLast(ms: number): number {
    const last = this.latenciesMs.slice(-ms / TICK_MS).sort((a, b) => a - b);
    return last[Math.floor(last.length / 2)] ?? NaN;
  }

  #append(chunk: Chunk): void {
    this.edge.arrived(chunk.startMs, chunk.endMs, chunk.arrivesMs);
    const last = this.#ranges.at(-1);
    if (last && last.endMs >= chunk.startMs) last.endMs = Math.max(last.endMs, chunk.endMs);
    else this.#ranges.push({ startMs: chunk.startMs, endMs: chunk.endMs });
    this.#edgeMs = chunk.endMs;
  }

  #advance(): void {
    const range = this.#ranges.find((r) => r.startMs <= this.positionMs && this.positionMs < r.endMs);
    // Like a browser, it runs dry shortly before the end, and resumes only with much more than nothing.
    const neededMs = !this.#started ? 0 : this.#stalled ? 400 : 80;
    const playable = range !== undefined && range.endMs - this.positionMs > neededMs;
    if (playable) this.positionMs = Math.min(range.endMs, this.positionMs + TICK_MS * this.#rate);
    if (!playable && !this.#stalled && this.#started) this.#stall();
    if (playable && !this.#started) this.#startedAtMs = this.nowMs;
    this.#started ||= playable;
    this.#stalled = !playable;
  }

  #hold(held: boolean): void {
    this.#heldAtMs = held ? (this.#heldAtMs ?? this.nowMs) : undefined;
    if (this.nowMs - (this.#heldAtMs ?? Infinity) === 120 && this.nowMs - this.#startedAtMs > 1_000) this.#stall();
  }

  #stall(): void {
    this.stalls++;
    this.edge.stalled(this.nowMs);
  }

  #decide(): void {
    if (this.#edgeMs < 0) return;
    const { nowMs, positionMs, jump } = this;
    const decision = this.edge.decide({
      nowMs,
      positionMs,
      edgeMs: this.#edgeMs,
      ranges: this.#ranges,
      seeking: false,
      dry: this.#started && this.#stalled,
      shownMs: positionMs,
      jump,
      togetherDelayMs: this.togetherDelayMs,
    });
    this.jump = false;
    if (decision.kind === 'seek') {
      this.positionMs = decision.toMs;
      this.#stalled = false;
      this.seeks.push(nowMs);
    } else if (decision.kind === 'play') {
      this.#rate = decision.rate;
      this.rates.add(decision.rate);
      this.#hold(decision.rate === 0);
    }
  }
}

/** Media from `fromMs` to `untilMs` cut every `lengthMs`; chunk `i` takes `transitMs(i)` to arrive. */
function media(fromMs: number, untilMs: number, lengthMs: number, transitMs: (i: number) => number): Chunk[] {
  const chunks: Chunk[] = [];
  let arrivesMs = 0;
  for (let startMs = fromMs, i = 0; startMs < untilMs; startMs += lengthMs, i++) {
    const endMs = startMs + lengthMs;
    arrivesMs = Math.max(arrivesMs, endMs + transitMs(i));
    chunks.push({ startMs, endMs, arrivesMs });
  }
  return chunks;
}

/** A pseudo-random number between 0 and 1, the same for the same `i`. */
const noise = (i: number): number => Math.abs((Math.sin(i * 12.9898) * 43758.5453) % 1);

/** A viewer that joins at `atMs`: chunks older than the newest group never arrive, the others of the past at once. */
function joinAt(atMs: number, groupMs: number, chunks: Chunk[]): Chunk[] {
  const groupStart = Math.floor((atMs - 200) / groupMs) * groupMs;
  return chunks
    .filter((chunk) => chunk.startMs >= groupStart)
    .map((chunk) => ({ ...chunk, arrivesMs: Math.max(chunk.arrivesMs, atMs) }));
}

function joined(atMs: number, chunks: Chunk[]): FakePlayer {
  const player = new FakePlayer(joinAt(atMs, 1_000, chunks));
  player.nowMs = atMs - TICK_MS;
  return player.run(atMs + TICK_MS);
}

describe('LiveEdge', () => {
  it('starts close to the newest chunk, not at the group’s start', () => {
    const player = joined(
      10_900,
      media(0, 60_000, 120, () => 80),
    );
    expect(player.seeks).toHaveLength(1);
    expect(10_900 - player.positionMs).toBeLessThan(500);
  });

  it('settles under 385 ms on a steady stream and never stalls or jumps again', () => {
    const chunks = media(0, 70_000, 120, (i) => 80 + 40 * noise(i));
    const player = joined(10_900, chunks).run(15_000);
    player.rates.clear();
    player.run(60_000);
    expect(player.stalls).toBe(0);
    expect(player.seeks).toHaveLength(1);
    expect(player.latencyOverLast(10_000)).toBeLessThan(385);
    expect(Math.max(...player.rates)).toBeLessThanOrEqual(1.12);
    expect(Math.min(...player.rates)).toBeGreaterThanOrEqual(0.94);
  });

  it('has the same delay as the others of a party, whatever the network and whenever it joins', () => {
    const networks = [(i: number) => 60 + 20 * noise(i), (i: number) => 400 + 600 * noise(i), () => 900];
    networks.forEach((transitMs, place) => {
      const joinsAtMs = 8_900 + place * 2_300;
      const player = new FakePlayer(joinAt(joinsAtMs, 1_000, media(0, 70_000, 120, transitMs)));
      player.nowMs = joinsAtMs;
      player.togetherDelayMs = 3_000;
      player.run(joinsAtMs + 12_000);
      player.latenciesMs = [];
      player.run(60_000);
      expect(Math.max(...player.latenciesMs)).toBeLessThan(3_020);
      expect(Math.min(...player.latenciesMs)).toBeGreaterThan(2_980);
      expect(player.stalls).toBe(0);
    });
  });

  it('is later than the others of a party if its network requires it', () => {
    const player = new FakePlayer(
      joinAt(
        9_000,
        1_000,
        media(0, 70_000, 120, () => 2_000),
      ),
    );
    player.nowMs = 9_000;
    player.togetherDelayMs = 1_000;
    player.run(60_000);
    expect(player.latencyOverLast(10_000)).toBeGreaterThan(2_000);
    expect(player.stalls).toBeLessThanOrEqual(2);
  });

  it('plays a still screen, whose data comes once a second, without a stall', () => {
    const player = new FakePlayer(media(0, 60_000, 1_000, (i) => 80 + 30 * noise(i))).run(60_000);
    expect(player.stalls).toBe(0);
    expect(player.latencyOverLast(10_000)).toBeLessThan(1_400);
  });

  it('needs one stall to adapt to a still screen, and recovers when it moves again', () => {
    const moving = media(0, 20_000, 120, () => 80);
    const still = media(20_040, 50_040, 1_000, () => 80);
    const again = media(50_040, 110_000, 120, () => 80);
    const player = new FakePlayer([...moving, ...still, ...again]).run(50_000);
    expect(player.stalls).toBe(1);
    player.run(100_000);
    expect(player.stalls).toBe(1);
    expect(player.latencyOverLast(10_000)).toBeLessThan(400);
  });

  it('does not drift when the broadcaster’s clock runs fast or slow', () => {
    for (const pace of [0.999, 1.001]) {
      const chunks = media(0, 620_000, 120, () => 80).map((chunk) => ({ ...chunk, arrivesMs: chunk.arrivesMs * pace }));
      const player = new FakePlayer(chunks).run(600_000);
      const behindEdge = player.latencyOverLast(5_000) - 600_000 * (1 - 1 / pace);
      expect(player.stalls).toBe(0);
      expect(Math.abs(behindEdge)).toBeLessThan(400);
    }
  });

  it('recovers from a network that hangs for two seconds', () => {
    const chunks = media(0, 90_000, 120, () => 80).map((chunk) =>
      chunk.arrivesMs > 20_000 && chunk.arrivesMs < 22_000 ? { ...chunk, arrivesMs: 22_000 } : chunk,
    );
    const player = new FakePlayer(chunks).run(80_000);
    expect(player.stalls).toBe(1);
    expect(player.latencyOverLast(10_000)).toBeLessThan(450);
  });

  it('jumps over a gap by itself', () => {
    const chunks = [...media(0, 10_000, 120, () => 80), ...media(11_500, 40_000, 120, () => 80)];
    const player = new FakePlayer(chunks).run(40_000);
    expect(player.seeks).toHaveLength(1);
    expect(player.latencyOverLast(5_000)).toBeLessThan(400);
  });

  it('jumps to the edge when asked, and when more than 2 s behind', () => {
    const chunks = media(0, 60_000, 120, () => 80);
    const player = new FakePlayer(chunks).run(20_000);
    player.positionMs -= 1_500;
    player.run(20_500);
    expect(player.seeks).toHaveLength(0);
    player.jump = true;
    player.run(21_000);
    expect(player.seeks).toHaveLength(1);
    expect(player.latencyOverLast(100)).toBeLessThan(400);
    player.positionMs -= 4_000;
    player.run(22_000);
    expect(player.seeks).toHaveLength(2);
    expect(player.latencyOverLast(100)).toBeLessThan(400);
  });

  it('leaves the rest of a range that a browser cannot play', () => {
    const edge = new LiveEdge();
    const view = { edgeMs: 4_000, seeking: true, dry: false, shownMs: 0, jump: false, positionMs: 900 };
    const ranges = [
      { startMs: 0, endMs: 1_000 },
      { startMs: 2_000, endMs: 4_000 },
    ];
    edge.arrived(0, 4_000, 4_000);
    expect(edge.decide({ ...view, nowMs: 4_000, ranges: ranges.slice(0, 1), edgeMs: 1_000 })).toEqual({ kind: 'wait' });
    expect(edge.decide({ ...view, nowMs: 4_300, ranges })).toEqual({ kind: 'wait' });
    expect(edge.decide({ ...view, nowMs: 4_700, ranges })).toMatchObject({ kind: 'seek' });
  });

  it('restarts just after the last shown picture when the browser ran dry, as soon as there is enough media', () => {
    const edge = new LiveEdge();
    edge.arrived(0, 1_000, 1_080);
    const view = { positionMs: 900, seeking: false, dry: true, shownMs: 910, jump: false };
    const upTo = (endMs: number) => ({ ranges: [{ startMs: 0, endMs }], edgeMs: endMs });
    expect(edge.decide({ ...view, ...upTo(1_100), nowMs: 1_300 })).toMatchObject({ kind: 'play' });
    expect(edge.decide({ ...view, ...upTo(1_200), nowMs: 1_400 })).toEqual({ kind: 'seek', toMs: 951 });
    expect(edge.decide({ ...view, ...upTo(1_300), nowMs: 1_500 })).toMatchObject({ kind: 'play' });
    const ahead = { ...view, shownMs: 980, ...upTo(1_300), nowMs: 2_300 };
    expect(edge.decide(ahead), 'a picture may be shown before its time').toEqual({ kind: 'seek', toMs: 981 });
  });

  describe('if a jump decodes hundreds of pictures', () => {
    const view = { positionMs: 1_000, seeking: false, dry: false, shownMs: 1_000, jump: false };
    const upTo = (endMs: number) => ({ ranges: [{ startMs: 0, endMs }], edgeMs: endMs, nowMs: endMs });

    /** After a jump to 4,750 in a group that began at 0, which took `tookMs`; chunks arrive without delay. */
    function jumped(tookMs: number): LiveEdge {
      const edge = new LiveEdge();
      for (let ms = 0; ms < 5_000; ms += 100) edge.arrived(ms, ms + 100, ms + 100, ms === 0);
      expect(edge.decide({ ...view, ...upTo(5_000) })).toMatchObject({ kind: 'seek' });
      edge.decide({ ...view, ...upTo(5_000 + tookMs - 100), positionMs: 4_750, seeking: true });
      edge.decide({ ...view, ...upTo(5_000 + tookMs), positionMs: 4_750 });
      return edge;
    }

    it('lets a jump finish, unless there is not enough media to finish, or it takes too long', () => {
      const edge = jumped(100);
      const under = { ...view, positionMs: 9_750, seeking: true };
      edge.decide({ ...view, ...upTo(10_000), positionMs: 4_850 });
      expect(edge.decide({ ...under, ...upTo(14_000) })).toEqual({ kind: 'wait' });
      expect(edge.decide({ ...under, ...upTo(14_000), jump: true })).toEqual({ kind: 'wait' });
      expect(edge.decide({ ...under, ...upTo(20_500) })).toMatchObject({ kind: 'seek' });
    });

    it('catches up by speed if another jump would gain little, and jumps if jumps are cheap', () => {
      const behind = { ...view, ...upTo(8_500), positionMs: 5_500 };
      expect(jumped(100).decide(behind)).toMatchObject({ kind: 'seek' });
      expect(jumped(2_000).decide(behind)).toMatchObject({ kind: 'play', rate: 1.25 });
      expect(jumped(2_000).decide({ ...behind, jump: true })).toMatchObject({ kind: 'play', rate: 1.25 });
    });

    it('jumps after a keyframe near the live edge, because little must be decoded', () => {
      const edge = jumped(2_000);
      edge.arrived(8_000, 8_100, 8_100, true);
      expect(edge.decide({ ...view, ...upTo(8_500), positionMs: 5_500 })).toMatchObject({ kind: 'seek' });
    });

    it('does not count a pause after a jump as its cost', () => {
      const edge = jumped(100);
      const jump = edge.decide({ ...view, ...upTo(8_500), positionMs: 5_500 });
      expect(jump).toMatchObject({ kind: 'seek' });
      expect(edge.decide({ ...view, ...upTo(70_000), positionMs: 8_300, jump: true })).toMatchObject({ kind: 'seek' });
    });

    it('plays no faster than media comes while the decoder cannot keep up', () => {
      const edge = jumped(2_000);
      const dry = { ...view, ...upTo(7_800), positionMs: 5_500, dry: true };
      expect(edge.decide(dry), 'the browser goes on by itself').toMatchObject({ kind: 'play', rate: 1 });
      expect(edge.decide({ ...dry, ...upTo(8_500), dry: false })).toMatchObject({ kind: 'play', rate: 1 });
    });

    it('jumps if the browser stays dry for longer than a jump takes', () => {
      const edge = jumped(2_000);
      const dry = { ...view, positionMs: 7_000, dry: true };
      expect(edge.decide({ ...dry, ...upTo(7_800) })).toMatchObject({ kind: 'play' });
      expect(edge.decide({ ...dry, ...upTo(10_900) })).toMatchObject({ kind: 'seek' });
    });
  });

  it('asks for a new media source when media arrives and none of it can be played', () => {
    const edge = new LiveEdge();
    const view = { positionMs: 0, ranges: [], seeking: false, dry: false, shownMs: 0, jump: false };
    expect(edge.decide({ ...view, nowMs: 10_000, edgeMs: 1_000 })).toEqual({ kind: 'wait' });
    expect(edge.decide({ ...view, nowMs: 13_000, edgeMs: 4_000 })).toEqual({ kind: 'wait' });
    expect(edge.decide({ ...view, nowMs: 14_500, edgeMs: 5_500 })).toEqual({ kind: 'restart' });
    // After a pause it only needs to jump.
    expect(edge.decide({ ...view, nowMs: 15_000, edgeMs: 6_000, jump: true })).toEqual({ kind: 'wait' });
  });

  it('does not go back from the end of the media, whether it jumped before or the stream is joined again', () => {
    const view = { edgeMs: 1_000, seeking: false, dry: false, shownMs: 900, jump: false };
    const ranges = [{ startMs: 0, endMs: 1_000 }];
    const fromStart = new LiveEdge();
    fromStart.arrived(0, 1_000, 1_080);
    expect(fromStart.decide({ ...view, ranges, positionMs: 500, nowMs: 1_500 })).toMatchObject({ kind: 'play' });
    // Without sound the browser's clock runs on for a while after the end of the pictures.
    expect(fromStart.decide({ ...view, ranges, positionMs: 1_010, nowMs: 2_010 })).toEqual({ kind: 'wait' });
    expect(fromStart.decide({ ...view, ranges, positionMs: 1_010, nowMs: 2_110, jump: true })).toEqual({
      kind: 'wait',
    });

    const joined = new LiveEdge();
    joined.arrived(0, 1_000, 1_080);
    expect(joined.decide({ ...view, ranges, positionMs: 2_000, nowMs: 2_000 })).toMatchObject({ kind: 'seek' });
    joined.joinAnew();
    // A lagging node or a paused stream: the newest group is one that was already seen.
    joined.arrived(0, 1_000, 9_000);
    expect(joined.decide({ ...view, ranges, positionMs: 1_010, nowMs: 9_000 })).toEqual({ kind: 'wait' });
    const further = { ranges: [{ startMs: 0, endMs: 2_000 }], edgeMs: 2_000, nowMs: 10_000 };
    expect(joined.decide({ ...view, ...further, positionMs: 1_010 })).toMatchObject({ kind: 'play' });
    joined.reset();
    expect(joined.decide({ ...view, ranges, positionMs: 2_000, nowMs: 20_000 })).toMatchObject({ kind: 'seek' });
  });

  it('waits at the end of the media, and does not go back', () => {
    const player = new FakePlayer(media(0, 10_000, 120, () => 80)).run(30_000);
    expect(player.positionMs).toBeGreaterThan(9_900);
    expect(player.seeks).toHaveLength(0);
  });
});
