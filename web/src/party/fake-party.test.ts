// The fake party answers commands like the server, as far as pages show it.

import { expect, it } from 'vitest';
import { CallError } from '../protocol/error';
import { fakeEntry, FakeParty, fakeState } from './fake-party';

it('plays its queue in order, and moves the position by its clock', async () => {
  const clock = { ms: 1_000 };
  const party = new FakeParty(fakeState({ queue: [fakeEntry('a'), fakeEntry('b')] }), 'm1', () => clock.ms);
  await party.command({ command: 'move', entry_id: 'b', to: 0 });
  await party.command({ command: 'next' });
  expect(party.view.state?.timeline.entry?.entry_id).toBe('b');
  clock.ms = 3_500;
  expect(party.positionMs()).toBe(2_500);
  await party.command({ command: 'pause' });
  clock.ms = 9_000;
  expect(party.positionMs()).toBe(2_500);
  expect(party.view.state?.queue.map(({ entry_id }) => entry_id)).toEqual(['a']);
});

it('counts a changed vote only once', async () => {
  const round = { round: 1, votes: [], skips: [], skips_needed: 1 };
  const party = new FakeParty(fakeState({ queue: [fakeEntry('a'), fakeEntry('b')], round }), 'm1');
  await party.command({ command: 'vote', entry_id: 'a' });
  await party.command({ command: 'vote', entry_id: 'b' });
  expect(party.view.state?.round?.votes).toEqual([
    { entry_id: 'a', count: 0 },
    { entry_id: 'b', count: 1 },
  ]);
});

it('refuses the next command once when told to', async () => {
  const party = new FakeParty(fakeState(), 'm1');
  party.refuses = new CallError('not_allowed', 'no');
  await expect(party.command({ command: 'pause' })).rejects.toMatchObject({ code: 'not_allowed' });
  await party.command({ command: 'set', title: 'Saturday' });
  expect(party.view.state?.title).toBe('Saturday');
});
