// While the browser jumps, the viewer never sees a picture older than the last one.

import { describe, expect, it, vi } from 'vitest';
import { Seen } from './seen';

/** A video whose frame at 1,000 ms was seen. */
class FakeVideo {
  seeking = false;
  readyState = 4;
  isCovered = false;
  /** How often its picture was copied as a cover. */
  copies = 0;
  coverShown: () => void = () => undefined;
  readonly seen: Seen;

  constructor() {
    this.seen = new Seen(this, this);
    this.seen.shown(1_000);
  }

  put(): boolean {
    this.copies++;
    return (this.isCovered = true);
  }

  whenShown(shown: () => void): void {
    this.coverShown = shown;
  }

  takeAway(): void {
    this.isCovered = false;
  }

  jump(toMs: number): void {
    this.seen.jumps(toMs, () => (this.seeking = true));
    this.coverShown();
  }

  /** The browser reports the frame at `mediaMs`. Returns whether the viewer sees it. */
  shows(mediaMs: number): boolean {
    const isSeen = this.seen.shown(mediaMs);
    expect(isSeen).toBe(!this.isCovered);
    return isSeen;
  }
}

describe('Seen', () => {
  it('covers a keyframe, even one just before the last seen picture', () => {
    for (const keyframeMs of [100, 934, 999]) {
      const video = new FakeVideo();
      video.jump(1_001);
      expect(video.shows(keyframeMs)).toBe(false);
      video.seeking = false;
      expect([video.shows(keyframeMs), video.seen.newestMs]).toEqual([false, 1_000]);
      expect([video.shows(1_000), video.shows(1_033)]).toEqual([true, true]);
    }
  });

  it('ignores a frame from before the jump that is reported during it', () => {
    const video = new FakeVideo();
    video.jump(1_051);
    expect([video.shows(1_033), video.shows(300)]).toEqual([false, false]);
    video.seeking = false;
    expect(video.shows(1_050)).toBe(true);
  });

  it('covers a keyframe between the last seen picture and the target of the jump', () => {
    const video = new FakeVideo();
    video.jump(3_000);
    video.seeking = false;
    expect([video.shows(2_500), video.shows(2_967), video.seen.newestMs]).toEqual([false, true, 2_967]);
  });

  it('jumps when the cover is on screen, and stays covered until then whatever is shown', () => {
    const video = new FakeVideo();
    const begin = vi.fn<() => void>();
    video.seen.jumps(1_051, begin);
    expect([video.shows(1_033), video.shows(1_067)]).toEqual([false, false]);
    expect([video.seen.isAboutToJump, begin.mock.calls.length]).toEqual([true, 0]);
    video.coverShown();
    expect([video.seen.isAboutToJump, begin.mock.calls.length]).toEqual([false, 1]);
    expect(video.shows(1_067)).toBe(true);
  });

  it('jumps at once if there is no picture, and not if the video got another media source meanwhile', () => {
    const begin = vi.fn<() => void>();
    const nothing = new FakeVideo();
    nothing.put = () => false;
    nothing.seen.jumps(1_051, begin);
    expect(begin).toHaveBeenCalledTimes(1);
    const other = new FakeVideo();
    other.seen.jumps(1_051, begin);
    other.seen.startsOver();
    other.coverShown();
    expect(begin).toHaveBeenCalledTimes(1);
    expect(other.seen.isAboutToJump).toBe(false);
  });

  it('keeps the last seen picture through several jumps', () => {
    const video = new FakeVideo();
    video.jump(1_001);
    video.shows(300);
    video.jump(1_400);
    video.seeking = false;
    expect([video.shows(1_250), video.copies, video.shows(1_400)]).toEqual([false, 1, true]);
  });

  it('covers for as long as the jump takes, and until a second after its target if no frame is reported', () => {
    const video = new FakeVideo();
    video.jump(1_001);
    for (const positionMs of [1_001, 2_001]) video.seen.moved(positionMs);
    expect(video.isCovered).toBe(true);
    video.seen.moved(2_002);
    expect(video.isCovered).toBe(false);
  });

  it('covers the video during a change of the media source, until it shows a frame from its start position', () => {
    const video = new FakeVideo();
    video.seen.startsOver();
    video.readyState = 0;
    expect([video.shows(1_033), video.seen.newestMs], 'told of late').toEqual([false, 0]);
    video.readyState = 4;
    video.jump(700);
    expect([video.shows(0), video.copies]).toEqual([false, 1]);
    video.seeking = false;
    expect([video.shows(500), video.shows(680), video.seen.newestMs]).toEqual([false, true, 680]);

    const fromItsStart = new FakeVideo();
    fromItsStart.seen.startsOver();
    expect(fromItsStart.shows(40)).toBe(true);
  });
});
