// What a watch session passes on and shows: media in order without repeats, from the live edge after a new join, and a
// state for display.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { STREAM, initOf, pass, watch } from './fake-world';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('WatchSession', () => {
  it('ends in the state `failed` when its own code fails, instead of looking for nodes forever', async () => {
    const { session, a, world } = watch();
    a.connect = () => {
      throw new TypeError('storage is blocked');
    };
    await pass(60_000);
    expect(session.state.phase).toBe('failed');
    expect(world.phases).toEqual(['failed']);
    expect(world.asked).toHaveLength(1);
  });

  it('ends in the state `failed` when the player throws on the node’s media', async () => {
    const { session, a, world } = watch();
    await pass(50);
    world.takes = false;
    a.tell('streaming_data', initOf(0));
    expect(session.state).toMatchObject({ phase: 'failed', problem: { message: 'no SourceBuffer' } });
    expect(a.serving).toBe(0);
  });

  it('joins with the grant and passes on what the node sends', async () => {
    const { session, a, world } = watch();
    await pass(50);
    expect(a.requests).toEqual([{ stream_id: STREAM, grant: 'grant 1' }]);
    a.tell('streaming_data', initOf(0));
    a.chunk(0, 4, 0);
    a.chunk(0, 4, 1);
    expect(world.heard).toEqual(['init 0', '0.4.0', '0.4.1']);
    expect(session.state).toMatchObject({ phase: 'live', node: '/a' });
    session.close();
  });

  it('asks for the formats that can be played, and reports a stream that has none of them', async () => {
    const { session, a, b } = watch({ formats: ['mp4', 'frames'] });
    await pass(50);
    expect(a.requests).toMatchObject([{ format: 'mp4,frames' }]);
    // A later take may have none of them: the node refuses, and the link is down.
    a.refusals = ['unsupported_format'];
    a.setUp(false);
    await pass(100);
    a.setUp(true);
    await pass(5_000);
    expect(session.state).toMatchObject({ phase: 'unsupported', problem: { code: 'unsupported_format' } });
    expect([a.serving, b.requests]).toEqual([0, []]);
  });

  it('waits for a broadcaster that has not begun', async () => {
    const { session, a, world } = watch();
    a.mime = null;
    await pass(50);
    expect(session.state.phase).toBe('waiting');
    a.tell('streaming_data', initOf(0));
    a.chunk(0, 0, 0);
    expect(world.phases).toEqual(['connecting', 'waiting', 'live'].slice(1));
    session.close();
  });

  it('drops what it already has', async () => {
    const { session, a, world } = watch();
    await pass(50);
    for (const [group, index] of [
      [0, 0],
      [0, 1],
      [0, 0],
      [0, 1],
      [1, 0],
    ] as const)
      a.chunk(0, group, index);
    expect(world.heard).toEqual(['0.0.0', '0.0.1', '0.1.0']);
    session.close();
  });

  it('requests its region every time', async () => {
    const { session, a, asked } = watch({ region: 'eu' });
    a.refusals = ['invalid_grant'];
    await pass(1_000);
    expect(asked).toEqual([{ region: 'eu' }, { region: 'eu' }]);
    session.close();
  });

  it('shows the state of the broadcaster', async () => {
    const { session, a, world } = watch();
    await pass(50);
    a.state('interrupted', 3);
    expect(session.state).toMatchObject({ phase: 'interrupted', viewers: 3 });
    a.state('live', 4);
    a.state('ended', 0);
    expect(world.phases).toEqual(['live', 'interrupted', 'live', 'ended']);
    expect(a.serving).toBe(0);
    session.close();
  });

  it('distinguishes an ended stream from an unknown one', async () => {
    for (const [info, phase] of [
      ['ended', 'ended'],
      [null, 'not_found'],
    ] as const) {
      const { session } = watch({ mainServer: 'unknown_stream', info });
      await pass(50);
      expect(session.state.phase).toBe(phase);
    }
  });

  it('asks for a passphrase, and sends the one it has', async () => {
    const { session, asked } = watch({ passphrase: 'boo', mainServer: 'wrong_passphrase' });
    await pass(50);
    expect(asked).toEqual([{ passphrase: 'boo' }]);
    expect(session.state.phase).toBe('locked');
  });

  it.each([
    ['wrong_passphrase', 'locked'],
    ['invitation_refused', 'uninvited'],
  ] as const)('asks without an invitation that was refused: %s', async (mainServer, phase) => {
    const invited = { code: 'invitation_refused', reason: 'used_up' } as const;
    const { session, asked } = watch({ invitation: 'used', invited, mainServer });
    await pass(50);
    expect(asked).toEqual([{ invitation: 'used' }, {}]);
    expect(session.state).toMatchObject({ phase, problem: { code: 'invitation_refused', reason: 'used_up' } });
  });

  it('watches with the passphrase if the invitation is refused', async () => {
    const invited = { code: 'invitation_refused', reason: 'expired' } as const;
    const { session, asked } = watch({ invitation: 'old', passphrase: 'boo', invited });
    await pass(50);
    expect(asked).toEqual([{ invitation: 'old', passphrase: 'boo' }, { passphrase: 'boo' }]);
    expect(session.state.phase).toBe('live');
    session.close();
  });

  it('starts over at the newest keyframe when told that its media is useless', async () => {
    const { session, a, world } = watch();
    await pass(50);
    a.chunk(0, 3, 1);
    session.rejoin();
    await pass(50);
    expect(a.requests[1]).toEqual({ stream_id: STREAM, grant: 'grant 1' });
    a.chunk(0, 3, 0);
    expect(world.heard).toEqual(['0.3.1', '0.3.0']);
    session.close();
  });

  it('joins again at the live edge, over a new connection, after the page was frozen', async () => {
    const { session, a, b, asked, world } = watch();
    await pass(50);
    a.chunk(0, 4, 2);
    // The page does not run; everything that arrived meanwhile is delivered afterwards.
    vi.setSystemTime(Date.now() + 60_000);
    a.chunk(0, 5, 0);
    a.chunk(0, 5, 1);
    await pass(400);
    expect(world.heard).toEqual(['0.4.2']);
    expect(a.requests).toEqual([
      { stream_id: STREAM, grant: 'grant 1' },
      { stream_id: STREAM, grant: 'grant 1' },
    ]);
    expect([a.serving, a.connections.length, b.requests.length, asked.length]).toEqual([1, 2, 0, 1]);
    expect(world.freshStarts).toBe(1);
    a.chunk(0, 64, 0);
    expect(world.heard).toEqual(['0.4.2', '0.64.0']);
    expect(session.state.phase).toBe('live');
    session.close();
  });

  it('joins again after the computer slept, which only the wall clock shows', async () => {
    const { session, a, world } = watch();
    await pass(50);
    a.chunk(0, 4, 2);
    world.sleptMs = 3_600_000;
    session.look();
    await pass(50);
    expect(a.connections).toHaveLength(2);
    expect(world.freshStarts).toBe(1);
    await pass(10_000);
    expect(a.connections).toHaveLength(2);
    session.close();
  });
});
