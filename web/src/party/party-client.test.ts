// A member's party over a failing network: temporary failures are retried, and a membership is given up only when it
// has ended.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeContext } from '../audio/fake-audio';
import type { ServerEvent } from '../api/event-stream';
import type { Memory } from '../browser/storage';
import { CallError, type ErrorCode, type LocalErrorCode } from '../protocol/error';
import type { JoinParty, Membership, PartyCommand, PartyState } from '../protocol/party';
import { Parties } from './api';
import { fakeEntry, fakeMember, fakeState } from './fake-party';
import { FakeTimers } from './fake-timers';
import { PartySound, type SoundContext } from './player/sound';
import { keepMembership, membershipOf } from './memberships';
import { PartyClient, type NetworkListener } from './party-client';
import type { PartyStage } from './session';

const PARTY = fakeState().party_id;
const ANN: Membership = { member_id: 'm1', token: 'up_ann' };
const ANN_AGAIN: Membership = { member_id: 'm2', token: 'up_again' };

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  vi.stubGlobal('location', { origin: 'http://s' });
  vi.stubGlobal('fetch', () => new Promise(() => undefined));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function refused(code: ErrorCode | LocalErrorCode): CallError {
  return new CallError(code, code);
}

class FakeMemory implements Memory {
  readonly #kept = new Map<string, string>();
  getItem = (key: string): string | null => this.#kept.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.#kept.set(key, value);
  removeItem = (key: string): void => void this.#kept.delete(key);
}

/** A media element that accepts everything and plays nothing. */
class FakeVideo extends EventTarget {
  muted = false;
  volume = 1;
  src = '';
  currentTime = 0;
  readonly paused = true;
  readonly ended = false;
  readonly error = null;
  readyState = 0;
  playbackRate = 1;
  preservesPitch = true;
  seeking = false;
  play = (): Promise<void> => Promise.resolve();
  pause = (): void => undefined;
  load = (): void => undefined;
  removeAttribute = (): void => void (this.src = '');
}

function fakeStage(): PartyStage {
  return {
    videos: [new FakeVideo(), new FakeVideo()],
    canvas: {},
    live: { form: 'frames', create: () => () => undefined },
    show: () => undefined,
  } as unknown as PartyStage;
}

/** A server whose answers the test sets. */
class FakeParties extends Parties {
  current: PartyState = fakeState();
  /** The result of a connection: an error, or undefined for an open one with a snapshot and the test's events. */
  connects: () => CallError | undefined = () => undefined;
  looks: () => CallError | undefined = () => undefined;
  commands: () => CallError | undefined = () => undefined;
  sent: PartyCommand[] = [];
  connections: string[] = [];
  looked = 0;
  plays: string[] = [];
  joined: Membership = ANN;
  joins: () => CallError | undefined = () => undefined;
  bodies: JoinParty[] = [];
  say: ((event: ServerEvent) => void) | undefined;

  override state = (): Promise<PartyState> => {
    this.looked++;
    return answer(this.looks(), this.current);
  };
  override join = (_id: string, body: JoinParty): Promise<Membership> => {
    this.bodies.push(body);
    return answer(this.joins(), this.joined);
  };
  override leave = (): Promise<void> => Promise.resolve();
  override report = (): Promise<void> => Promise.resolve();
  override clock = (t0_ms: number) =>
    Promise.resolve({ t0_ms, t1_ms: Date.now(), t2_ms: Date.now() }) as ReturnType<Parties['clock']>;
  override playItem = (_id: string, token: string): ReturnType<Parties['playItem']> => {
    this.plays.push(token);
    return Promise.reject(refused('unknown_item'));
  };
  override command = (_id: string, _token: string, body: PartyCommand): ReturnType<Parties['command']> => {
    this.sent.push(body);
    return answer(this.commands(), { revision: 2 });
  };
  override async *events(_id: string, token: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
    this.connections.push(token);
    await Promise.resolve();
    const problem = this.connects();
    if (problem !== undefined) throw problem;
    const waiting: ServerEvent[] = [{ type: 'snapshot', data: JSON.stringify(this.current) }];
    let wake = (): void => undefined;
    this.say = (event) => {
      waiting.push(event);
      wake();
    };
    signal.addEventListener('abort', () => wake());
    while (!signal.aborted) {
      for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) yield event;
      await new Promise<void>((resolve) => (wake = resolve));
    }
    throw new Error('aborted');
  }
}

function answer<T>(problem: CallError | undefined, value: T): Promise<T> {
  return problem === undefined ? Promise.resolve(value) : Promise.reject(problem);
}

/** The network listener of the last client. */
let network: NetworkListener;

function clientOf(parties: FakeParties, memory: Memory): PartyClient {
  const timers = new FakeTimers();
  const context = new FakeContext() as unknown as SoundContext;
  return new PartyClient(PARTY, {
    parties,
    memory,
    timers,
    sound: new PartySound({ timers, create: () => context, lateMs: 0 }),
    now: () => Date.now(),
    network: (listener) => {
      network = listener;
      return () => undefined;
    },
  });
}

function opened(prepare: (parties: FakeParties, memory: Memory) => void = () => undefined) {
  const parties = new FakeParties();
  const memory = new FakeMemory();
  prepare(parties, memory);
  const client = clientOf(parties, memory);
  client.open();
  return { client, parties, memory };
}

const asMember = (_: FakeParties, memory: Memory): void => keepMembership(PARTY, ANN, memory);

describe('a membership', () => {
  it('survives limits and failures, and one answer of a lagging server', async () => {
    const { client, parties, memory } = opened((server, kept) => {
      asMember(server, kept);
      const answers = [refused('unknown_member'), refused('limit_reached'), refused('store_unavailable')];
      server.connects = () => answers.shift();
    });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(parties.connections.length).toBe(4);
    expect([client.view.phase, client.view.isConnected, membershipOf(PARTY, memory)]).toEqual(['member', true, ANN]);
    client.close();
  });

  it.each(['limit_reached', 'store_unavailable', 'unreachable', 'internal'] as const)(
    'is never given up for %s',
    async (code) => {
      const { client, memory } = opened((server, kept) => {
        asMember(server, kept);
        server.connects = () => refused(code);
      });
      await vi.advanceTimersByTimeAsync(120_000);
      expect([client.view.phase, membershipOf(PARTY, memory)]).toEqual(['member', ANN]);
      client.close();
    },
  );

  it('is given up once the server keeps reporting that there is none', async () => {
    const { client, memory } = opened((server, kept) => {
      asMember(server, kept);
      server.connects = () => refused('unknown_member');
    });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(client.view.phase).toBe('member');
    await vi.advanceTimersByTimeAsync(15_000);
    expect([client.view.phase, membershipOf(PARTY, memory)]).toEqual(['onlooker', undefined]);
    client.close();
  });

  it('of another tab that is newer than the ended one stays and is adopted', async () => {
    const { client, parties, memory } = opened(asMember);
    await vi.advanceTimersByTimeAsync(100);
    keepMembership(PARTY, ANN_AGAIN, memory);
    parties.say?.({ type: 'ended', data: JSON.stringify({ reason: 'left' }) });
    await vi.advanceTimersByTimeAsync(100);
    expect(membershipOf(PARTY, memory)).toEqual(ANN_AGAIN);
    expect([client.view.phase, client.view.me, parties.connections.at(-1)]).toEqual(['member', 'm2', 'up_again']);
    client.close();
  });

  it('of another tab that joined again with the same token is taken over, also if its end was missed', async () => {
    const again = { ...ANN, member_id: 'm7' };
    for (const isMissed of [false, true]) {
      const { client, parties, memory } = opened(asMember);
      await vi.advanceTimersByTimeAsync(100);
      keepMembership(PARTY, again, memory);
      parties.current = fakeState({ members: [fakeMember('m7')] });
      if (isMissed) parties.say?.({ type: 'snapshot', data: JSON.stringify(parties.current) });
      else parties.say?.({ type: 'ended', data: JSON.stringify({ reason: 'left' }) });
      await vi.advanceTimersByTimeAsync(100);
      expect([client.view.phase, client.view.me]).toEqual(['member', 'm7']);
      expect(membershipOf(PARTY, memory)).toEqual(again);
      client.close();
    }
  });

  it('of another tab stays when this one was removed', async () => {
    const { client, parties, memory } = opened(asMember);
    await vi.advanceTimersByTimeAsync(100);
    keepMembership(PARTY, ANN_AGAIN, memory);
    parties.say?.({ type: 'ended', data: JSON.stringify({ reason: 'kicked' }) });
    await vi.advanceTimersByTimeAsync(100);
    expect([client.view.phase, membershipOf(PARTY, memory)]).toEqual(['ended', ANN_AGAIN]);
    client.close();
  });
});

describe('joining', () => {
  it('is repeated with the same token after a lost answer, and also after leaving: it is the same person', async () => {
    const { client, parties } = opened((server) => (server.joins = () => refused('timeout')));
    await expect(client.join('Ann')).rejects.toMatchObject({ code: 'timeout' });
    parties.joins = () => undefined;
    await client.join('Ann');
    await client.leave();
    await client.join('Ann', 'ui_1');
    const [first, second, third] = parties.bodies.map(({ token }) => token);
    expect(first).toMatch(/^up_[0-9a-f]{48}$/);
    expect([second, third]).toEqual([first, ANN.token]);
    expect(parties.bodies[2]).toMatchObject({ name: 'Ann', invitation: 'ui_1' });
    client.close();
  });
});

describe('a snapshot', () => {
  const at = (revision: number): PartyState => fakeState({ revision, title: `revision ${String(revision)}` });

  it('of a lagging server changes nothing until it has caught up', async () => {
    const { client, parties } = opened((server, memory) => {
      asMember(server, memory);
      server.current = at(7);
    });
    await vi.advanceTimersByTimeAsync(100);
    parties.current = at(5);
    network.changed();
    await vi.advanceTimersByTimeAsync(100);
    expect([client.view.state?.title, client.view.isConnected]).toEqual(['revision 7', true]);
    parties.say?.({ type: 'changed', data: JSON.stringify({ revision: 6, changes: { title: 'six' } }) });
    parties.say?.({ type: 'changed', data: JSON.stringify({ revision: 8, changes: { title: 'eight' } }) });
    await vi.advanceTimersByTimeAsync(100);
    expect(client.view.state?.title).toBe('eight');
    client.close();
  });

  it('that is older a second time is accepted, because the store was reset', async () => {
    const { client, parties } = opened((server, memory) => {
      asMember(server, memory);
      server.current = at(7);
    });
    await vi.advanceTimersByTimeAsync(100);
    parties.current = at(2);
    for (let connection = 0; connection < 2; connection++) {
      network.changed();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(client.view.state?.title).toBe('revision 2');
    client.close();
  });
});

it.each([
  ['public', 'ended'],
  ['private', 'refused'],
] as const)('a %s party that ended while the page was not connected is %s', async (access, phase) => {
  const { client, parties } = opened((server, memory) => {
    asMember(server, memory);
    server.current = fakeState({ access });
  });
  await vi.advanceTimersByTimeAsync(100);
  parties.connects = () => refused('unknown_party');
  parties.looks = () => refused('unknown_party');
  network.changed();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(client.view.phase).toBe(phase);
  client.close();
});

describe('a connection', () => {
  it('is replaced at once when the network changes, without an interruption in the view', async () => {
    const { client, parties } = opened(asMember);
    await vi.advanceTimersByTimeAsync(100);
    const connected: boolean[] = [];
    client.onChange(({ isConnected }) => connected.push(isConnected));
    network.changed();
    await vi.advanceTimersByTimeAsync(0);
    expect([parties.connections.length, connected.includes(false)]).toEqual([2, false]);
    client.close();
  });

  it('that failed is retried at once when the page becomes visible', async () => {
    const { client, parties } = opened((server, memory) => {
      asMember(server, memory);
      server.connects = () => refused('unreachable');
    });
    await vi.advanceTimersByTimeAsync(120_000);
    const { length } = parties.connections;
    network.seen();
    await vi.advanceTimersByTimeAsync(0);
    expect(parties.connections.length).toBe(length + 1);
    client.close();
  });
});

describe('an onlooker', () => {
  it('keeps polling while the store is unreachable', async () => {
    const { client, parties } = opened((server) => (server.looks = () => refused('store_unavailable')));
    await vi.advanceTimersByTimeAsync(100);
    expect(client.view.phase).toBe('opening');
    parties.looks = () => undefined;
    await vi.advanceTimersByTimeAsync(6_000);
    expect(client.view.phase).toBe('onlooker');
    client.close();
  });

  it('learns that there is no such party', async () => {
    const { client } = opened((server) => (server.looks = () => refused('unknown_party')));
    await vi.advanceTimersByTimeAsync(100);
    expect(client.view.phase).toBe('refused');
    client.close();
  });

  it('polls at one interval, however often it is opened', async () => {
    const { client, parties } = opened();
    client.open();
    client.open();
    await vi.advanceTimersByTimeAsync(1_000);
    const before = parties.looked;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(parties.looked - before).toBe(1);
    client.close();
  });
});

describe('a command', () => {
  it('that the server recognises is repeated through a leader election', async () => {
    const { client, parties } = opened(asMember);
    await vi.advanceTimersByTimeAsync(100);
    parties.commands = () => (Date.now() < 1_006_000 ? refused('store_unavailable') : undefined);
    const done = client.command({ command: 'chat', text: 'hello' });
    await vi.advanceTimersByTimeAsync(12_000);
    await done;
    const ids = parties.sent.map((body) => ('request_id' in body ? body.request_id : undefined));
    expect([ids.length > 1, new Set(ids).size]).toEqual([true, 1]);
    client.close();
  });

  it('that is refused is not sent again, and none is repeated forever', async () => {
    const { client, parties } = opened(asMember);
    await vi.advanceTimersByTimeAsync(100);
    parties.commands = () => refused('not_allowed');
    await expect(client.command({ command: 'chat', text: 'hello' })).rejects.toMatchObject({ code: 'not_allowed' });
    expect(parties.sent.length).toBe(1);
    parties.commands = () => refused('store_unavailable');
    const lost = expect(client.command({ command: 'chat', text: 'hi' })).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    await vi.advanceTimersByTimeAsync(60_000);
    await lost;
    client.close();
  });
});

it('the position is that of the audible song while the next one is announced', async () => {
  const [first, second] = [fakeEntry('e1', { duration_ms: 60_000 }), fakeEntry('e2')];
  const timeline = { entry: first, position_ms: 0, at_ms: 1_000_000, paused: false, round: 1 };
  const { client, parties } = opened((server, memory) => {
    asMember(server, memory);
    server.current = fakeState({ timeline });
  });
  client.attach(fakeStage());
  await vi.advanceTimersByTimeAsync(58_000);
  const next = { entry: second, position_ms: 0, at_ms: 1_060_000, paused: false, round: 2 };
  parties.say?.({ type: 'changed', data: JSON.stringify({ revision: 2, changes: { timeline: next } }) });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(client.view.playback.entryId).toBe('e1');
  expect(client.positionMs()).toBeCloseTo(59_000, -2);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(client.positionMs()).toBeCloseTo(1_000, -2);
  client.close();
});

it('a member who left and joined again plays the party in the elements of the new page', async () => {
  const entry = fakeEntry('e1', { is_video: true });
  const { client, parties } = opened((server, memory) => {
    asMember(server, memory);
    server.current = fakeState({
      members: [fakeMember('m1')],
      timeline: { entry, item_id: entry.item_id ?? '', position_ms: 0, at_ms: 1_000_000, paused: false, round: 1 },
    });
  });
  const [old, fresh] = [fakeStage(), fakeStage()];
  const shown = vi.spyOn(fresh, 'show');
  client.attach(old);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(parties.plays).toEqual(['up_ann']);
  await client.leave();
  client.open();
  parties.joined = ANN_AGAIN;
  await client.join('Ann');
  await vi.advanceTimersByTimeAsync(2_000);
  // The new page has not attached its elements yet.
  expect(parties.plays).toEqual(['up_ann']);
  client.attach(fresh);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(parties.plays).toEqual(['up_ann', 'up_again']);
  expect(fresh.videos).toContain(shown.mock.calls.at(-1)?.[0]);
  client.close();
});

it('new elements replace the previous ones for playback', async () => {
  const entry = fakeEntry('e1', { is_video: true });
  const { client, parties } = opened((server, memory) => {
    asMember(server, memory);
    server.current = fakeState({
      timeline: { entry, item_id: entry.item_id ?? '', position_ms: 0, at_ms: 1_000_000, paused: false, round: 1 },
    });
  });
  const [old, fresh] = [fakeStage(), fakeStage()];
  const shown = vi.spyOn(fresh, 'show');
  client.attach(old);
  await vi.advanceTimersByTimeAsync(1_000);
  client.attach(fresh);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([parties.plays.length, fresh.videos.includes(shown.mock.calls.at(-1)?.[0] as HTMLVideoElement)]).toEqual([
    2,
    true,
  ]);
  client.close();
});

describe('the member’s own vote', () => {
  const round = { round: 4, votes: [{ entry_id: 'e2', count: 1 }], skips: [], skips_needed: 1 };
  const state = fakeState({ queue: [fakeEntry('e1'), fakeEntry('e2')], round });
  const next = { revision: 3, changes: { round: { ...round, round: 5, votes: [] } } };

  it('is marked in its round after a reload, even if the party keeps votes secret', async () => {
    const first = opened((server, memory) => {
      asMember(server, memory);
      server.current = state;
    });
    await vi.advanceTimersByTimeAsync(100);
    await first.client.command({ command: 'vote', entry_id: 'e2' });
    expect(first.client.view.vote).toBe('e2');
    first.client.close();
    const again = clientOf(first.parties, first.memory);
    again.open();
    await vi.advanceTimersByTimeAsync(100);
    expect(again.view.vote).toBe('e2');
    first.parties.say?.({ type: 'changed', data: JSON.stringify(next) });
    await vi.advanceTimersByTimeAsync(100);
    expect(again.view.vote).toBeUndefined();
    again.close();
  });

  it('is read from the party if it shows votes', async () => {
    const { client } = opened((server, memory) => {
      asMember(server, memory);
      const votes = [{ entry_id: 'e1', count: 1, members: ['m1'] }];
      server.current = { ...state, round: { ...round, votes } };
    });
    await vi.advanceTimersByTimeAsync(100);
    expect(client.view.vote).toBe('e1');
    client.close();
  });

  it('does not count in a round that opened before the answer arrived', async () => {
    const { client, parties } = opened((server, memory) => {
      asMember(server, memory);
      server.current = state;
    });
    await vi.advanceTimersByTimeAsync(100);
    let done = (): void => undefined;
    parties.command = () => new Promise((resolve) => (done = () => resolve({ revision: 2 })));
    const voted = client.command({ command: 'vote', entry_id: 'e2' });
    parties.say?.({ type: 'changed', data: JSON.stringify(next) });
    await vi.advanceTimersByTimeAsync(100);
    done();
    await voted;
    expect(client.view.vote).toBeUndefined();
    client.close();
  });
});
