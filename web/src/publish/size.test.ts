// Picture sizes: within the limit, in the same aspect ratio, even; and the steps down.

import { describe, expect, it } from 'vitest';
import { fit, smaller } from './size';

const HD = { width: 1920, height: 1080 };

describe('fit', () => {
  it.each([
    [{ width: 3840, height: 2160 }, HD],
    [
      { width: 3440, height: 1440 },
      { width: 1920, height: 804 },
    ],
    [
      { width: 1080, height: 2400 },
      { width: 486, height: 1080 },
    ],
    [
      { width: 1921, height: 1081 },
      { width: 1920, height: 1080 },
    ],
    [
      { width: 100_000, height: 1 },
      { width: 1920, height: 2 },
    ],
  ])('scales %o down to %o', (size, fitting) => {
    expect(fit(size, HD)).toEqual(fitting);
  });

  it.each([HD, { width: 1279, height: 719 }, { width: 0, height: 0 }])('leaves %o unchanged', (size) => {
    expect(fit(size, HD)).toBe(size);
  });
});

describe('smaller', () => {
  it('chooses the first step that makes a picture smaller', () => {
    expect(smaller({ width: 3840, height: 2160 })).toEqual({ width: 2560, height: 1440 });
    expect(smaller(HD)).toEqual({ width: 1280, height: 720 });
    expect(smaller({ width: 600, height: 1080 })).toEqual({ width: 1280, height: 720 });
    expect(smaller({ width: 1600, height: 900 })).toEqual({ width: 1280, height: 720 });
    expect(smaller({ width: 854, height: 480 })).toBeUndefined();
  });
});
