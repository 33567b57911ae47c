// The latency that browsers report is used, but Firefox on Linux is never asked.

import { describe, expect, it } from 'vitest';
import { heardMoment, latencyOf, type TellingContext } from './output-latency';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const FIREFOX_ON_A_MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0';
const CHROMIUM =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

function told(timestamp: AudioTimestamp, outputLatency = 0.2): TellingContext {
  return { baseLatency: 0.01, currentTime: 3, outputLatency, getOutputTimestamp: () => timestamp };
}

/** A context that fails the test when it is asked. Firefox may hang when asked at the wrong moment. */
const silent: TellingContext = {
  baseLatency: 0,
  currentTime: 3,
  get outputLatency(): number {
    throw new Error('asked');
  },
  getOutputTimestamp: () => {
    throw new Error('asked');
  },
};

describe('the latency of a context', () => {
  it('is what the browser reports, in full or in part', () => {
    expect(latencyOf(told({}), CHROMIUM)).toBe(0.2);
    expect(latencyOf(told({}, 0), FIREFOX_ON_A_MAC)).toBe(0.01);
    expect(latencyOf(told({}, NaN), CHROMIUM)).toBe(0.01);
  });

  it('is never asked of Firefox on Linux', () => {
    expect(latencyOf(silent, FIREFOX)).toBeGreaterThan(0);
    expect(heardMoment(silent, 900, FIREFOX)).toEqual({
      contextTime: 3 - latencyOf(silent, FIREFOX),
      performanceTime: 900,
    });
  });
});

describe('the moment that is heard', () => {
  it('is what the browser reports', () => {
    const timestamp = { contextTime: 2.5, performanceTime: 800 };
    expect(heardMoment(told(timestamp), 900, CHROMIUM)).toEqual(timestamp);
  });

  it('is computed from the latency if the browser reports no timestamp', () => {
    expect(heardMoment(told({ contextTime: 0, performanceTime: 0 }), 900, CHROMIUM)).toEqual({
      contextTime: 2.8,
      performanceTime: 900,
    });
  });
});
