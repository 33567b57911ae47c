// The clock of playback without a <video>.

import { expect, it } from 'vitest';
import { PlayClock } from './play-clock';

it('runs at its rate from its position, and stands still at rate 0', () => {
  const clock = new PlayClock();
  clock.arrived(10_000, 0);
  clock.jump(1_000, 0);
  expect(clock.positionMs(500)).toBe(1_000);
  clock.setRate(1, 500);
  clock.setRate(1.5, 600);
  expect(clock.positionMs(800)).toBe(1_400);
  clock.setRate(0, 800);
  expect(clock.positionMs(5_000)).toBe(1_400);
});

it('never runs past what has arrived, and continues from there', () => {
  const clock = new PlayClock();
  clock.arrived(100, 0);
  clock.setRate(1, 0);
  expect(clock.positionMs(5_000)).toBe(100);
  clock.arrived(300, 5_000);
  expect(clock.positionMs(5_050)).toBe(150);
});
