// What is heard when is known to a few milliseconds, although browsers tell it late, and again soon after sound broke off.

import { describe, expect, it } from 'vitest';
import { FakeContext } from './fake-audio';
import { knownLatenessMs, OutputClock } from './output-clock';

/** A context whose time 0 is heard at `originMs`, and which is read each 35 ms for a while. */
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

describe('what is heard', () => {
  it('is known after a moment, both ways', () => {
    const { clock, context } = made();
    run(clock, context, 100, 20);
    expect(clock.heardAt(1_020)).toBeUndefined();
    run(clock, context, 500, 20);
    expect(clock.heardAt(1_020)).toBeCloseTo(1);
    expect(clock.whenHeard(1)).toBeCloseTo(1_020);
  });

  it('is what the earliest readings say: a busy page reads late', () => {
    const { clock, context } = made();
    let n = 0;
    run(clock, context, 3_000, 20, () => ((n++ * 7) % 13) + (n % 9 === 0 ? 80 : 0));
    expect(Math.abs((clock.whenHeard(1) ?? 0) - 1_020)).toBeLessThan(4);
  });

  it('is known again soon after sound broke off', () => {
    const { clock, context } = made();
    run(clock, context, 3_000, 20);
    run(clock, context, 800, 90);
    expect(clock.whenHeard(1)).toBeCloseTo(1_090);
  });

  it.each(['the device changed', 'the context rested'])('is that of now soon after %s', (what) => {
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

  it('does not move while the latency that the browser tells strays for some seconds', () => {
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

  it('is not known while the context rests, nor from what it said before', () => {
    const { clock, context } = made();
    run(clock, context, 1_000, 20);
    context.state = 'suspended';
    clock.read();
    expect(clock.whenHeard(1)).toBeUndefined();
    context.state = 'running';
    run(clock, context, 1_000, 500);
    expect(clock.whenHeard(1)).toBeCloseTo(1_500);
  });

  it('is later by what was measured of the browser', () => {
    const { clock, context } = made(30);
    run(clock, context, 1_000, 20);
    expect(clock.whenHeard(1)).toBeCloseTo(1_050);
    expect(clock.heardAt(1_050)).toBeCloseTo(1);
  });
});

it('what was measured counts where it was measured', () => {
  const chromium = (system: string): string => `Mozilla/5.0 (${system}) AppleWebKit/537.36 Chrome/140.0 Safari/537.36`;
  expect(knownLatenessMs(chromium('X11; Linux x86_64'))).toBeLessThan(0);
  expect(knownLatenessMs(chromium('Windows NT 10.0; Win64; x64'))).toBe(0);
  expect(knownLatenessMs(chromium('Linux; Android 15'))).toBe(0);
});
