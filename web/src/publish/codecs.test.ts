// The choice of a recording format: only formats that can be both recorded and played, best first.

import { describe, expect, it } from 'vitest';
import { supportedFormats, type TypeProbe } from './codecs';

/** Chromium 156's answers for the relevant types. */
const CHROMIUM: TypeProbe = {
  canRecord: (type) =>
    [
      /^video\/webm;codecs=(vp8|vp9|av01\.0\.04M\.08|av1|avc1)(,opus)?$/,
      /^video\/x-matroska;codecs=avc1(,opus)?$/,
    ].some((known) => known.test(type)),
  canPlay: (type) =>
    [/^video\/webm;codecs="(vp8|vp9|av01\.0\.04M\.08)(,opus)?"$/, /^video\/mp4;codecs="avc1\.\w{6}(,opus)?"$/].some(
      (known) => known.test(type),
    ),
};

describe('supportedFormats', () => {
  it('prefers VP9 with Opus', () => {
    expect(supportedFormats(CHROMIUM, true)[0]).toEqual({
      name: 'VP9',
      recorderType: 'video/webm;codecs=vp9,opus',
      playerType: 'video/webm;codecs="vp9,opus"',
    });
  });

  it('requests no sound if the source has none, because players wait for a declared track', () => {
    for (const { recorderType, playerType } of supportedFormats(CHROMIUM, false)) {
      expect(recorderType).not.toContain('opus');
      expect(playerType).not.toContain('opus');
    }
  });

  it('offers H.264 in Matroska because nodes repack it to MP4', () => {
    const h264 = supportedFormats(CHROMIUM, true).find(({ name }) => name === 'H.264');
    expect(h264?.recorderType).toBe('video/x-matroska;codecs=avc1,opus');
    expect(h264?.playerType).toBe('video/mp4;codecs="avc1.42E01F,opus"');
  });

  it('omits formats that can be recorded but not played', () => {
    const noVp9Player: TypeProbe = { ...CHROMIUM, canPlay: (type) => !type.includes('vp9') && CHROMIUM.canPlay(type) };
    expect(supportedFormats(noVp9Player, true).map(({ name }) => name)).toEqual(['H.264', 'AV1', 'VP8']);
  });

  it('is empty if nothing works', () => {
    expect(supportedFormats({ canRecord: () => false, canPlay: () => true }, true)).toEqual([]);
  });
});
