// How a capture handles tracks that end, are muted or come later: the picture continues, and the page is notified.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Capture, type CaptureEvent } from './capture';
import type { SoundMix } from './sound-mix';

class FakeTrack extends EventTarget {
  readyState: 'live' | 'ended' = 'live';
  enabled = true;
  muted = false;
  constraints: MediaTrackConstraints[] = [];

  constructor(readonly kind: 'audio' | 'video') {
    super();
  }

  stop(): void {
    this.readyState = 'ended';
  }

  applyConstraints(constraints: MediaTrackConstraints): Promise<void> {
    this.constraints.push(constraints);
    return Promise.reject(new DOMException('no', 'OverconstrainedError'));
  }

  /** Simulates that a device or a shared tab is gone. */
  end(): void {
    this.readyState = 'ended';
    this.dispatchEvent(new Event('ended'));
  }
}

class FakeStream {
  readonly tracks: FakeTrack[];

  constructor(tracks: readonly FakeTrack[]) {
    this.tracks = [...tracks];
  }

  getTracks(): FakeTrack[] {
    return this.tracks;
  }

  getAudioTracks(): FakeTrack[] {
    return this.tracks.filter(({ kind }) => kind === 'audio');
  }

  getVideoTracks(): FakeTrack[] {
    return this.tracks.filter(({ kind }) => kind === 'video');
  }
}

class FakeMix {
  readonly track = new FakeTrack('audio');
  readonly inputs = new Set<FakeTrack>();
  add = (track: FakeTrack): unknown => this.inputs.add(track);
  remove = (track: FakeTrack): unknown => this.inputs.delete(track);
  close = (): void => this.track.stop();
}

function start(sounds = 1) {
  const picture = new FakeTrack('video');
  const sound = new FakeTrack('audio');
  const source = new FakeStream([picture, sound].slice(0, 1 + sounds));
  const world = { voices: [] as FakeTrack[], mixes: [] as FakeMix[], events: [] as CaptureEvent[], webAudio: true };
  const devices = new EventTarget();
  const capture = new Capture('screen', source as unknown as MediaStream, {
    askForVoice: () => {
      const voice = new FakeTrack('audio');
      world.voices.push(voice);
      return Promise.resolve(new FakeStream([voice]) as unknown as MediaStream);
    },
    createMix: () => {
      if (!world.webAudio) throw new DOMException('no', 'NotSupportedError');
      const mix = new FakeMix();
      world.mixes.push(mix);
      return mix as unknown as SoundMix;
    },
    devices,
  });
  capture.onEvent((event) => world.events.push(event));
  const tracks = (): unknown[] => capture.stream.getTracks();
  return { capture, picture, sound, world, devices, tracks };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('MediaStream', FakeStream);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('Capture', () => {
  it('continues with the same tracks when the microphone is unplugged, and asks again when switched on', async () => {
    const { capture, picture, world, tracks } = start(0);
    expect(await capture.setMicrophone(true)).toBe(true);
    const before = tracks();
    expect(before).toEqual([picture, world.mixes[0]?.track]);
    expect(capture.voice).toBe('on');
    world.events = [];
    world.voices[0]?.end();
    expect(world.events).toEqual(['voice_ended']);
    expect(capture.voice).toBe('off');
    expect(tracks()).toEqual(before);
    expect(world.mixes[0]?.track.readyState).toBe('live');
    expect(world.mixes[0]?.inputs.size).toBe(0);

    expect(await capture.setMicrophone(true)).toBe(false);
    expect(world.voices).toHaveLength(2);
    expect([...(world.mixes[0]?.inputs ?? [])]).toEqual([world.voices[1]]);
    expect(capture.voice).toBe('on');
  });

  it('replaces sound that ends with silence while the picture continues', () => {
    const { capture, picture, sound, world, tracks } = start();
    sound.end();
    vi.advanceTimersByTime(300);
    expect(world.events).toEqual(['sound_ended', 'tracks']);
    expect(tracks()).toEqual([picture, world.mixes[0]?.track]);
    expect(capture).toMatchObject({ live: true, hasAudio: true });
  });

  it('restarts nothing for the sound of a tab that is being closed', () => {
    const { capture, picture, sound, world } = start();
    sound.end();
    vi.advanceTimersByTime(50);
    picture.end();
    capture.close();
    vi.advanceTimersByTime(300);
    expect(world.events).toEqual(['ended']);
    expect(world.mixes).toEqual([]);
  });

  it('keeps the tracks when sound mixed with a microphone ends', async () => {
    const { capture, sound, world } = start();
    await capture.setMicrophone(true);
    const { stream } = capture;
    world.events = [];
    sound.end();
    vi.advanceTimersByTime(300);
    expect(world.events).toEqual(['sound_ended']);
    expect(capture.stream).toBe(stream);
    expect([...(world.mixes[0]?.inputs ?? [])]).toEqual(world.voices);
  });

  it('continues without sound if it cannot be mixed', () => {
    const { capture, picture, sound, world, tracks } = start();
    world.webAudio = false;
    sound.end();
    vi.advanceTimersByTime(300);
    expect(tracks()).toEqual([picture]);
    expect(capture.hasAudio).toBe(false);
  });

  it('closes a microphone that cannot be mixed', async () => {
    const { capture, world } = start();
    world.webAudio = false;
    await expect(capture.setMicrophone(true)).rejects.toThrow();
    expect(world.voices[0]?.readyState).toBe('ended');
    expect(capture.voice).toBe('off');
  });

  it('detects ended tracks by a change of devices', async () => {
    const { capture, picture, sound, world, devices } = start();
    await capture.setMicrophone(true);
    world.events = [];
    devices.dispatchEvent(new Event('devicechange'));
    expect(world.events).toEqual([]);
    for (const track of [picture, sound, ...world.voices]) track.stop();
    devices.dispatchEvent(new Event('devicechange'));
    expect(world.events).toEqual(['voice_ended', 'ended']);
    vi.advanceTimersByTime(300);
    expect(world.events).toEqual(['voice_ended', 'ended', 'sound_ended']);
  });

  it('reports that a microphone is muted and unmuted', async () => {
    const { capture, world } = start();
    await capture.setMicrophone(true);
    world.voices[0]?.dispatchEvent(new Event('mute'));
    expect(capture.voice).toBe('muted');
    world.voices[0]?.dispatchEvent(new Event('unmute'));
    expect(capture.voice).toBe('on');
    await capture.setMicrophone(false);
    expect(capture.voice).toBe('off');
    expect(world.voices[0]?.enabled).toBe(false);
  });

  it('reports a frozen picture only after some seconds', () => {
    const { capture, picture } = start();
    picture.dispatchEvent(new Event('mute'));
    vi.advanceTimersByTime(1_000);
    picture.dispatchEvent(new Event('unmute'));
    vi.advanceTimersByTime(10_000);
    expect(capture.stands).toBe(false);
    picture.dispatchEvent(new Event('mute'));
    vi.advanceTimersByTime(5_000);
    expect(capture.stands).toBe(true);
    picture.dispatchEvent(new Event('unmute'));
    expect(capture.stands).toBe(false);
  });

  it('asks its source once for pictures of a size, and tolerates a refusal', async () => {
    const { capture, picture } = start();
    capture.limit({ width: 1280, height: 720 });
    capture.limit({ width: 1280, height: 720 });
    await vi.advanceTimersByTimeAsync(0);
    expect(picture.constraints).toMatchObject([{ width: { max: 1280 }, height: { max: 720 } }]);
  });

  it('stops everything and reports nothing once closed', async () => {
    const { capture, picture, sound, world } = start();
    await capture.setMicrophone(true);
    world.events = [];
    capture.close();
    for (const track of [picture, sound, ...world.voices]) {
      expect(track.readyState).toBe('ended');
      track.end();
    }
    expect(world.mixes[0]?.track.readyState).toBe('ended');
    expect(world.events).toEqual([]);
  });

  it('stops a microphone granted after the capture was closed', async () => {
    const { capture, world } = start();
    const asking = capture.setMicrophone(true);
    expect(capture.voice).toBe('asking');
    capture.close();
    expect(await asking).toBe(false);
    expect(world.voices[0]?.readyState).toBe('ended');
  });
});
