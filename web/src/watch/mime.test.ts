// Media types as nodes send them.

import { describe, expect, it } from 'vitest';
import { codecName, codecNames, sameTracks, trackKinds } from './mime';

describe('media types', () => {
  it('give the kinds of track a stream has', () => {
    expect(trackKinds('video/webm;codecs="vp9,opus"')).toEqual({ audio: true, video: true });
    expect(trackKinds('video/mp4; codecs=avc1.42c01f, opus')).toEqual({ audio: true, video: true });
    expect(trackKinds('video/webm;codecs=av01.0.04M.08')).toEqual({ audio: false, video: true });
    expect(trackKinds('audio/webm;codecs=opus')).toEqual({ audio: true, video: false });
  });

  it('need a new SourceBuffer only when the kinds change', () => {
    expect(sameTracks('video/webm;codecs="vp9,opus"', 'video/mp4;codecs="avc1.42c01f,opus"')).toBe(true);
    expect(sameTracks('video/webm;codecs="vp9,opus"', 'audio/webm;codecs=opus')).toBe(false);
  });

  it('have readable codec names', () => {
    expect(codecNames('video/webm;codecs="vp9,opus"')).toBe('VP9 + Opus');
    expect(codecNames('video/mp4;codecs="avc1.42c01f"')).toBe('H.264');
    expect(codecNames('video/x;codecs=new1')).toBe('new1');
    expect(['avc1.42c016', 'mp4a.40.2', 'mp3', 'flac'].map(codecName)).toEqual(['H.264', 'AAC', 'MP3', 'FLAC']);
  });
});
