// The player looks like one playback, whatever form each take has.

import { expect, it } from 'vitest';
import type { StreamingData } from '../../protocol/event';
import { Player, type Form } from './player';
import type { Playback, PlaybackStats } from './playback';

const [CMAF, FRAMES] = ['video/mp4;codecs="avc1.42E01F,opus"', 'application/x-undead-frames;codecs="vp8,opus"'];

class FakePlayback {
  live = true;
  muted = false;
  volume = 1;
  isPaused = true;
  pushed: string[] = [];
  closed = false;
  stats = { stalls: 2, jumps: 1, droppedFrames: 5, width: 640 } as PlaybackStats;
  constructor(readonly form: Form) {}
  push(data: StreamingData): void {
    this.pushed.push(data.kind === 'init' ? data.mime : data.kind);
  }
  close(): void {
    this.closed = true;
  }
}

function setUp() {
  const made: FakePlayback[] = [];
  const changes: string[] = [];
  const create = (form: Form): Playback => {
    const playback = new FakePlayback(form);
    made.push(playback);
    return playback as unknown as Playback;
  };
  const nothing = (): undefined => undefined;
  const player: Player = new Player('container', create, {
    ...{ started: nothing, waiting: nothing, restarted: nothing, cannotPlay: nothing, doubtsClock: nothing },
    ...{ played: nothing, paused: nothing, soundChanged: nothing },
    formChanged: (form) => changes.push(`${form}, ${made.at(-1)?.pushed.length ?? 0} pushed`),
  });
  return { player, made, changes };
}

function init(mime: string, take = 0): StreamingData {
  const data = new ArrayBuffer(1);
  return { stream_id: '', kind: 'init', take, mime, origin_time_ms: null, data };
}

it('keeps the form while takes have the same one', () => {
  const { player, made, changes } = setUp();
  player.push(init(CMAF));
  player.push(init('video/webm;codecs="vp9"', 1));
  expect(made.map(({ pushed }) => pushed.length)).toEqual([2]);
  expect(changes).toEqual([]);
});

it('replaces the playback when a take has another form, and keeps the person’s choices and the counters', () => {
  const { player, made, changes } = setUp();
  player.push(init(CMAF));
  Object.assign(player, { muted: true, volume: 0.4, live: false });
  player.push(init(FRAMES, 1));
  expect(made.map(({ form, closed }) => ({ form, closed }))).toEqual([
    { form: 'container', closed: true },
    { form: 'frames', closed: false },
  ]);
  expect(made[1]).toMatchObject({ muted: true, volume: 0.4, live: false, pushed: [FRAMES] });
  expect(changes).toEqual(['frames, 1 pushed']);
  expect(player.stats).toMatchObject({ stalls: 4, jumps: 2, droppedFrames: 10, width: 640 });
});
