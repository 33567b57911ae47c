// However fast a key repeats, few values pass, and always the last one.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Paced } from './paced';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('the first passes at once, later only the newest, and always the last', () => {
  const passed: number[] = [];
  const paced = new Paced<number>(300, (value) => passed.push(value));
  paced.ask(0);
  expect(passed).toEqual([0]);
  for (let n = 1; n <= 60; n++) {
    vi.advanceTimersByTime(33);
    paced.ask(n);
  }
  vi.advanceTimersByTime(300);
  expect([passed.length < 10, passed.at(-1)]).toEqual([true, 60]);
  vi.advanceTimersByTime(5_000);
  const { length } = passed;
  paced.ask(61);
  paced.ask(62);
  paced.close();
  vi.advanceTimersByTime(5_000);
  expect(passed.slice(length)).toEqual([61]);
});
