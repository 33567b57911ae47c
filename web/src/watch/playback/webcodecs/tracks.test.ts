// How decoders are configured for the tracks of a take, and that no init data breaks the page.

import { expect, it } from 'vitest';
import { writeInit } from './fake-codecs';
import { readTracks } from './tracks';

function tracksOf(...tracks: unknown[]): ReturnType<typeof readTracks> {
  return readTracks(new TextEncoder().encode(JSON.stringify({ tracks, later: 1 })).buffer);
}

const VIDEO = { kind: 'video', codec: 'avc1.42E01F', width: 720, height: 576 };

it('reads pictures and sound', () => {
  expect(readTracks(writeInit())).toEqual({
    video: {
      index: 0,
      config: { codec: 'vp8', codedWidth: 640, codedHeight: 360 },
      display: { pixelAspect: 1, rotation: 0 },
    },
    audio: { index: 1, config: { codec: 'opus', sampleRate: 48_000, numberOfChannels: 2 } },
  });
  expect(readTracks(writeInit(['audio']))?.video).toBeUndefined();
});

it('reads descriptions, the pixel aspect ratio and rotation', () => {
  const video = { ...VIDEO, description: 'AQID', display_width: 1024, display_height: 576, rotation: 90 };
  const read = tracksOf({ kind: 'subtitles' }, video)?.video;
  expect(read?.index).toBe(1);
  expect(read?.config.description).toEqual(new Uint8Array([1, 2, 3]));
  expect(read?.display).toEqual({ pixelAspect: 1024 / 720, rotation: 90 });
  expect(tracksOf({ ...VIDEO, description: '' })?.video?.config.description).toBeUndefined();
});

it.each([
  [],
  [null],
  [7, 'video'],
  [{ kind: 'video' }],
  [{ ...VIDEO, width: -1 }],
  [{ ...VIDEO, width: 1.5 }],
  [{ ...VIDEO, description: '*' }],
  [{ kind: 'audio', codec: 'opus', sample_rate: '48000', channels: 2 }],
])('refuses tracks that say nothing useful: %j', (...tracks: unknown[]) => {
  expect(tracksOf(...tracks)).toBeUndefined();
});

it('refuses invalid JSON', () => {
  expect(readTracks(new Uint8Array([0xff, 0xfe]).buffer)).toBeUndefined();
  expect(readTracks(new TextEncoder().encode('{"tracks":{}}').buffer)).toBeUndefined();
  expect(readTracks(new TextEncoder().encode('null').buffer)).toBeUndefined();
});
