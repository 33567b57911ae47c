// When an encoder counts as too slow: only after some seconds, and compared with the pictures it was offered.

import { describe, expect, it } from 'vitest';
import { KeepUp } from './keep-up';

/** Whether it was behind at the end of each second, given the pictures offered and recorded per second. */
function run(seconds: readonly (readonly [offered: number, recorded: number])[]): boolean[] {
  const keepUp = new KeepUp();
  const [total, behind] = [{ offered: 0, recorded: 0 }, [] as boolean[]];
  seconds.forEach(([offered, recorded], second) => {
    let is = false;
    for (let tenth = 1; tenth <= 10; tenth++) {
      total.offered += offered / 10;
      total.recorded += recorded / 10;
      is = keepUp.isBehind(second * 1000 + tenth * 100, total.offered, total.recorded);
    }
    behind.push(is);
  });
  return behind;
}

const seconds = (count: number, offered: number, recorded: number) =>
  Array.from({ length: count }, () => [offered, recorded] as const);

describe('KeepUp', () => {
  it('detects an encoder that records a third of the pictures, within ten seconds', () => {
    expect(run(seconds(10, 30, 10)).at(-1)).toBe(true);
  });

  it.each([
    ['that takes most', 30, 22],
    ['of a source that is slow itself', 8, 8],
    ['of a still screen', 1, 0.2],
  ])('leaves alone an encoder %s', (_what, offered, recorded) => {
    expect(run(seconds(30, offered, recorded))).not.toContain(true);
  });

  it('tolerates a slow start and a short pause', () => {
    const hiccup = [...seconds(3, 30, 0), ...seconds(10, 30, 30), ...seconds(1, 30, 0), ...seconds(10, 30, 30)];
    expect(run(hiccup)).not.toContain(true);
  });

  it('detects that the encoder keeps up again', () => {
    const behind = run([...seconds(10, 30, 5), ...seconds(10, 30, 30)]);
    expect(behind[9]).toBe(true);
    expect(behind.at(-1)).toBe(false);
  });
});
