// Invitation links are absolute and known to the page that created them; lists are newest first.

import { expect, it } from 'vitest';
import type { InvitationInfo, NewInvitation } from '../protocol/account';
import { Invitations, invitationState } from './invitations';

const INFO: InvitationInfo = { invitation_id: 'i1', used: 0, created_at_ms: 1 };

it('makes, lists and revokes with the newest grant of the stream', async () => {
  const asked: unknown[] = [];
  let grant = 'grant 1';
  const invitations = new Invitations({
    people: {
      invitations: (...args) => {
        asked.push(['list', ...args]);
        return Promise.resolve([INFO, { ...INFO, invitation_id: 'i2', created_at_ms: 2 }]);
      },
      invite: (...args: [string, string, NewInvitation]) => {
        asked.push(['invite', ...args]);
        return Promise.resolve({ invitation_id: 'i2', invitation: 'x', url: '/live-tv/view/abc#invitation=x' });
      },
      revokeInvitation: (...args) => {
        asked.push(['revoke', ...args]);
        return Promise.resolve();
      },
    },
    streamId: 'abc',
    grant: () => grant,
    page: 'https://example.org/live-tv/live',
  });
  const link = 'https://example.org/live-tv/view/abc#invitation=x';
  expect(await invitations.make({ uses: 5 })).toBe(link);
  grant = 'grant 2';
  expect(await invitations.list()).toMatchObject([
    { invitation_id: 'i2', link },
    { invitation_id: 'i1', link: undefined },
  ]);
  await invitations.revoke({ invitation_id: 'i2' });
  expect(asked).toEqual([
    ['invite', 'abc', 'grant 1', { uses: 5 }],
    ['list', 'abc', 'grant 2'],
    ['revoke', 'abc', 'grant 2', 'i2'],
  ]);
});

it('tells whether an invitation still admits viewers', () => {
  expect(invitationState(INFO, 10)).toBe('open');
  expect(invitationState({ ...INFO, uses: 2, used: 1, expires_at_ms: 11 }, 10)).toBe('open');
  expect(invitationState({ ...INFO, uses: 2, used: 2 }, 10)).toBe('used_up');
  expect(invitationState({ ...INFO, expires_at_ms: 10 }, 10)).toBe('expired');
});
