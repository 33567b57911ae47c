// The clock knows to a few milliseconds when sound is heard. It recovers soon after an interruption, although browsers
// report late.

import { describe, expect, it } from 'vitest';
import { FakeContext } from './fake-audio';
import { knownLatenessMs, OutputClock } from './output-clock';

/** Reads, every 35 ms for a while, a context whose time 0 is heard at `originMs`. */
function run(
  clock: OutputClock,
  context: FakeContext,
  ms: number,
  originMs: number,
  tellsLateMs: () => number = () => 0,
) {
  const untilMs = context.nowMs + ms;
  while (context.nowMs < untilMs) {
    context.nowMs += 35;
    context.currentTime = (context.nowMs - originMs - tellsLateMs()) / 1000;
    clock.read();
  }
}

function made(lateMs = 0) {
  const context = new FakeContext();
  return { context, clock: new OutputClock(context, () => context.nowMs, lateMs) };
}

describe('the time at which sound is heard', () => {
  it('is known after a few readings, in both directions', () => {
    const { clock, context } = made();
    run(clock, context, 100, 20);
    expect(clock.heardAt(1_020)).toBeUndefined();
    run(clock, context, 500, 20);
    expect(clock.heardAt(1_020)).toBeCloseTo(1);
    expect(clock.whenHeard(1)).toBeCloseTo(1_020);
  });

  it('follows the earliest readings, because a busy page reads late', () => {
    const { clock, context } = made();
    let n = 0;
    run(clock, context, 3_000, 20, () => ((n++ * 7) % 13) + (n % 9 === 0 ? 80 : 0));
    expect(Math.abs((clock.whenHeard(1) ?? 0) - 1_020)).toBeLessThan(4);
  });

  it('is known again soon after an interruption', () => {
    const { clock, context } = made();
    run(clock, context, 3_000, 20);
    run(clock, context, 800, 90);
    expect(clock.whenHeard(1)).toBeCloseTo(1_090);
  });

  it.each([
    { interruptionMs: 15, afterMs: 700 },
    { interruptionMs: 25, afterMs: 280 },
    { interruptionMs: 100, afterMs: 140 },
  ])('is known again $afterMs ms after an interruption of $interruptionMs ms', ({ interruptionMs, afterMs }) => {
    const { clock, context } = made();
    run(clock, context, 3_000, 20);
    run(clock, context, afterMs, 20 + interruptionMs);
    expect(clock.whenHeard(1)).toBeCloseTo(1_020 + interruptionMs);
  });

  it('does not move when the sound is computed late three times and then catches up', () => {
    const { clock, context } = made();
    run(clock, context, 3_000, 20);
    run(clock, context, 105, 100);
    expect(clock.whenHeard(1)).toBeCloseTo(1_020);
    run(clock, context, 1_000, 20);
    expect(clock.whenHeard(1)).toBeCloseTo(1_020);
  });

  it('is unknown to it until it has read another output device a few times', () => {
    const { clock, context } = made();
    context.outputLatency = 0.02;
    run(clock, context, 3_000, -20);
    clock.deviceChanged();
    context.outputLatency = 0.25;
    run(clock, context, 70, -20);
    expect(clock.whenHeard(1)).toBeCloseTo(1_000);
  });

  it.each(['the device changed', 'the context was suspended'])('is right again soon after %s', (what) => {
    const { clock, context } = made();
    context.outputLatency = 0.02;
    run(clock, context, 20_000, -20);
    if (what === 'the device changed') clock.deviceChanged();
    else {
      context.state = 'suspended';
      run(clock, context, 100, -20);
      context.state = 'running';
    }
    context.outputLatency = 0.25;
    run(clock, context, 1_500, -20);
    expect(Math.abs((clock.whenHeard(1) ?? 0) - 1_230)).toBeLessThan(5);
  });

  it('does not move while the reported latency is wrong for some seconds', () => {
    const { clock, context } = made();
    context.outputLatency = 0.07;
    run(clock, context, 20_000, -50);
    const before = clock.whenHeard(1) ?? 0;
    for (const latencyS of [0.1, 0.15, 0.18, 0.2, 0.15, 0.1]) {
      context.outputLatency = latencyS;
      run(clock, context, 1_000, -50);
      expect(clock.whenHeard(1)).toBeCloseTo(before);
    }
  });

  it('follows another output device', () => {
    const { clock, context } = made();
    context.outputLatency = 0.03;
    run(clock, context, 20_000, 0);
    context.outputLatency = 0.25;
    run(clock, context, 25_000, 0);
    expect(clock.whenHeard(1)).toBeCloseTo(1_250);
  });

  it('is unknown while the context is suspended, and earlier readings do not count afterwards', () => {
    const { clock, context } = made();
    run(clock, context, 1_000, 20);
    context.state = 'suspended';
    clock.read();
    expect(clock.whenHeard(1)).toBeUndefined();
    context.state = 'running';
    run(clock, context, 1_000, 500);
    expect(clock.whenHeard(1)).toBeCloseTo(1_500);
  });

  it('is later by the delay measured for the browser', () => {
    const { clock, context } = made(30);
    run(clock, context, 1_000, 20);
    expect(clock.whenHeard(1)).toBeCloseTo(1_050);
    expect(clock.heardAt(1_050)).toBeCloseTo(1);
  });
});

it('a measured delay applies only to the browser and system it was measured on', () => {
  const chromium = (system: string): string => `Mozilla/5.0 (${system}) AppleWebKit/537.36 Chrome/140.0 Safari/537.36`;
  expect(knownLatenessMs(chromium('X11; Linux x86_64'))).toBeLessThan(0);
  expect(knownLatenessMs(chromium('Windows NT 10.0; Win64; x64'))).toBe(0);
  expect(knownLatenessMs(chromium('Linux; Android 15'))).toBe(0);
});
