// A viewing from join to leave: what is shown, when the node is left and joined again, and when it gives up.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallError } from '../protocol/error';
import type { StreamInfo } from '../protocol/stream';
import { ServerClock } from '../transport/clock';
import type { PlaybackOwner, PlaybackStats } from './playback/playback';
import { FakeNode, STREAM, initOf, pass } from './session/fake-world';
import type { WatchState } from './session/state';
import { Viewing, type Shown, type ViewingSetup } from './viewing';

/** Longer than the pause after which the node is left. */
const LONG_MS = 11_000;
/** Longer than it takes to join. */
const JOIN_MS = 50;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Plays as soon as it is asked to, unless the browser requires a gesture. */
class FakePlayback {
  live = false;
  muted = false;
  volume = 1;
  isPaused = true;
  closed = false;
  calls: string[] = [];
  stats = { stalls: 0, jumps: 0, droppedFrames: 0, rate: 1 } as PlaybackStats;

  constructor(
    readonly owner: PlaybackOwner,
    private readonly wantsGesture: 'no' | 'for_sound' | 'always',
  ) {}

  play(): Promise<void> {
    if (this.wantsGesture === 'always' || (this.wantsGesture === 'for_sound' && !this.muted)) {
      return Promise.reject(new DOMException('not now', 'NotAllowedError'));
    }
    this.isPaused = false;
    this.owner.played();
    return Promise.resolve();
  }

  pause(): void {
    this.isPaused = true;
    this.owner.paused();
  }

  push(): void {
    this.calls.push('push');
  }

  expectBacklog(): void {
    this.calls.push('expectBacklog');
  }

  startAfresh(): void {
    this.calls.push('startAfresh');
  }

  jumpToLive(): void {
    this.calls.push('jumpToLive');
  }

  close(): void {
    this.closed = true;
  }
}

function setUp(change: Partial<ViewingSetup> = {}, wantsGesture: 'no' | 'for_sound' | 'always' = 'no') {
  const node = new FakeNode();
  const playbacks: FakePlayback[] = [];
  const shown: Partial<Shown> = {};
  const states: WatchState[] = [];
  const page = { hidden: false, didNotRun: false, starts: 0 };
  const viewing = new Viewing(
    {
      streamId: STREAM,
      form: 'container',
      createPlayback: (_form, owner) => {
        const playback = new FakePlayback(owner, wantsGesture);
        playbacks.push(playback);
        return playback;
      },
      connect: () => node.connect(),
      clock: new ServerClock(),
      askForNodes: () => Promise.resolve({ grant: 'grant', nodes: [{ public_url: '/a' }] }),
      renewGrant: () => Promise.reject(new CallError('not_found', 'no such path')),
      describe: () => Promise.resolve({ state: 'live' } as StreamInfo),
      hidden: () => page.hidden,
      didNotRun: () => page.didNotRun,
      ...change,
    },
    {
      show: (what) => Object.assign(shown, what),
      stateChanged: (state) => states.push(state),
      started: () => page.starts++,
    },
  );
  const playback = (): FakePlayback => {
    const last = playbacks.at(-1);
    if (last === undefined) throw new Error('nothing plays');
    return last;
  };
  return { viewing, node, playback, playbacks, shown, states, page };
}

async function opened(...how: Parameters<typeof setUp>): Promise<ReturnType<typeof setUp>> {
  const all = setUp(...how);
  all.viewing.open();
  await pass(JOIN_MS);
  all.node.state('live', 7);
  return all;
}

describe('opening', () => {
  it('joins, plays, and reports the first picture', async () => {
    const { viewing, node, playback, shown, states, page } = await opened();
    node.tell('streaming_data', initOf(0));
    expect(shown).toMatchObject({ situation: 'live', started: false, paused: false, form: 'container' });
    expect(playback()).toMatchObject({ isPaused: false, live: true });
    expect(playback().calls).toContain('push');
    expect(states.at(-1)).toMatchObject({ phase: 'live', viewers: 7, node: '/a', transport: 'ws' });
    await pass(100);
    playback().owner.started();
    expect(shown.started).toBe(true);
    expect(page.starts).toBe(1);
    expect(viewing.figures).toMatchObject({ node: '/a', transport: 'ws', problem: undefined });
    expect(viewing.figures?.joinMs).toBeGreaterThanOrEqual(JOIN_MS + 100);
  });

  it('does not join in a browser that can play nothing', async () => {
    const { viewing, node, playbacks, shown } = setUp({ form: undefined });
    viewing.open();
    await pass(JOIN_MS);
    expect(shown.situation).toBe('unsupported');
    expect(playbacks).toHaveLength(0);
    expect(node.connections).toHaveLength(0);
    expect(viewing.figures).toBeUndefined();
  });

  it('plays without sound if sound needs a gesture, and waits for a gesture if all playback needs one', async () => {
    const quiet = await opened({}, 'for_sound');
    expect(quiet.shown).toMatchObject({ silenced: true });
    expect(quiet.playback()).toMatchObject({ muted: true, isPaused: false });
    quiet.viewing.setVolume(1);
    quiet.playback().owner.soundChanged();
    expect(quiet.shown).toMatchObject({ silenced: false, muted: false });
    const still = await opened({}, 'always');
    expect(still.shown).toMatchObject({ silenced: true, paused: true });
  });

  it('reports a wrong passphrase only if one was given', async () => {
    const askForNodes = (): Promise<never> => Promise.reject(new CallError('wrong_passphrase', 'no'));
    const first = await opened({ askForNodes });
    expect(first.shown).toMatchObject({ situation: 'locked', refused: false });
    const second = await opened({ askForNodes, passphrase: 'guess' });
    expect(second.shown).toMatchObject({ situation: 'locked', refused: true });
  });
});

describe('pausing', () => {
  it('leaves the node after a while, and joins again at the live edge when the person resumes', async () => {
    const { viewing, node, playback, shown, states } = await opened();
    viewing.setPlaying(false);
    expect(shown.paused).toBe(true);
    await pass(LONG_MS / 2);
    expect(node.serving).toBe(1);
    await pass(LONG_MS);
    expect(node.serving).toBe(0);
    expect(states.at(-1)).toMatchObject({ viewers: undefined, node: undefined });
    expect(viewing.figures?.node).toBeUndefined();
    viewing.setPlaying(true);
    await pass(JOIN_MS);
    expect(node.serving).toBe(1);
    expect(playback().calls).toContain('startAfresh');
    expect(viewing.isPaused).toBe(false);
  });

  it('stays when the pause was short, and while the stream is interrupted', async () => {
    const { viewing, node } = await opened();
    viewing.setPlaying(false);
    await pass(LONG_MS / 2);
    viewing.setPlaying(true);
    await pass(LONG_MS);
    expect(node.serving).toBe(1);
    node.state('interrupted');
    viewing.setPlaying(false);
    await pass(LONG_MS);
    expect(node.serving).toBe(1);
  });

  it('resumes by itself if the browser paused, but not if the person did', async () => {
    const { viewing, playback, page } = await opened();
    playback().owner.started();
    page.hidden = true;
    playback().pause();
    expect(viewing.isPaused).toBe(true);
    page.hidden = false;
    viewing.returned();
    expect(viewing.isPaused).toBe(false);
    viewing.setPlaying(false);
    viewing.returned();
    expect(viewing.isPaused).toBe(true);
  });

  it('is at the live edge when the page is visible again', async () => {
    const { viewing, playback, page } = await opened();
    page.hidden = true;
    viewing.returned();
    expect(playback().calls).not.toContain('jumpToLive');
    page.hidden = false;
    viewing.returned();
    expect(playback().calls).toContain('jumpToLive');
  });

  it('leaves a frozen page’s node at once and comes back with the page', async () => {
    const { viewing, node } = await opened();
    viewing.leave();
    expect(node.serving).toBe(0);
    viewing.returned();
    await pass(JOIN_MS);
    expect(node.serving).toBe(1);
  });
});

describe('trouble', () => {
  it('shows a spinner only after playback has been dry for a while', async () => {
    const { playback, shown } = await opened();
    playback().owner.waiting(true);
    await pass(1_000);
    expect(shown.waiting).toBe(false);
    await pass(500);
    expect(shown.waiting).toBe(true);
    playback().owner.waiting(false);
    expect(shown.waiting).toBe(false);
  });

  it('joins again after media broke, and gives up when it keeps breaking', async () => {
    const { node, playback, shown } = await opened();
    for (let breaks = 1; breaks <= 3; breaks++) {
      playback().owner.restarted('broken');
      await pass(1_000);
    }
    expect(node.requests).toHaveLength(4);
    expect(shown.situation).toBe('live');
    playback().owner.restarted('broken');
    expect(shown.situation).toBe('failed');
    expect(node.serving).toBe(0);
    expect(playback().closed).toBe(true);
  });

  it('continues forever if media breaks seldom', async () => {
    const { node, playback, shown } = await opened();
    for (let breaks = 0; breaks < 6; breaks++) {
      playback().owner.restarted('broken');
      await pass(15_000);
      node.state('live');
    }
    expect(shown.situation).toBe('live');
  });

  it('leaves a node whose stream this browser cannot play, and names its codec', async () => {
    const { viewing, node, playback, shown } = await opened();
    playback().owner.cannotPlay('video/mp4;codecs="hvc1.1.6.L93.B0"');
    expect(shown).toMatchObject({ situation: 'unsupported' });
    expect(shown.codec).not.toBe('');
    expect(node.serving).toBe(0);
    await viewing.play();
    await pass(JOIN_MS);
    expect(node.serving).toBe(0);
  });

  it('counts down to the main server’s deadline for viewers who join an interrupted stream', async () => {
    const endsAtMs = Date.now() + 9_000;
    const askForNodes: ViewingSetup['askForNodes'] = () => {
      const stream = { state: 'interrupted', ends_in_ms: endsAtMs - Date.now() } as StreamInfo;
      return Promise.resolve({ grant: 'grant', nodes: [{ public_url: '/a' }], stream });
    };
    const { viewing, node, shown } = setUp({ askForNodes });
    viewing.open();
    await pass(JOIN_MS);
    node.state('interrupted');
    expect(shown.situation).toBe('interrupted');
    expect(viewing.figures?.endsInS).toBe(9);
    await pass(4_000);
    expect(viewing.figures?.endsInS).toBe(5);
    node.state('live');
    expect(viewing.figures?.endsInS).toBeUndefined();
    node.state('interrupted');
    expect(viewing.figures?.endsInS).toBe(30);
  });
});

it('closes everything', async () => {
  const { viewing, node, playback } = await opened();
  viewing.close();
  expect(node.serving).toBe(0);
  expect(playback().closed).toBe(true);
  expect(viewing.figures).toBeUndefined();
  expect(viewing.isPaused).toBe(true);
  await pass(60_000);
  expect(node.connections).toHaveLength(1);
});
