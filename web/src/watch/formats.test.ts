// The formats that browsers request from nodes.

import { describe, expect, it } from 'vitest';
import { namedFormats, preferredFormats } from './formats';

const CHROMIUM =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0';

function formats(userAgent: string, mp4Codecs: string[], frames: boolean): string[] {
  return preferredFormats({
    userAgent,
    canPlayFrames: () => frames,
    canPlayType: (type) => type.startsWith('video/mp4') && mp4Codecs.some((codec) => type.includes(codec)),
  });
}

describe('preferredFormats', () => {
  const all = ['vp09', 'av01', 'avc1'];
  it.each([
    ['Chromium', CHROMIUM, all, true, ['mp4', 'webm']],
    ['Firefox', FIREFOX, all, true, ['mp4', 'frames']],
    ['Firefox on an insecure address', FIREFOX, all, false, ['mp4', 'webm']],
    ['Firefox with H.264 alone', FIREFOX, ['avc1'], true, ['mp4', 'frames']],
    ['Chromium without CMAF', CHROMIUM, [], true, ['webm']],
    ['Firefox without CMAF', FIREFOX, [], true, ['frames']],
  ])('asks in %s', (_name, userAgent, codecs, frames, wanted) => {
    expect(formats(userAgent, codecs, frames)).toEqual(wanted);
  });
});

it('accepts the formats that an address names, and ignores others', () => {
  expect(namedFormats('frames')).toEqual(['frames']);
  expect(namedFormats('webm, rtp,mp4')).toEqual(['webm', 'mp4']);
  expect(namedFormats('rtp')).toBeUndefined();
  expect(namedFormats(null)).toBeUndefined();
});
