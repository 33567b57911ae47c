// Texts for refused calls. What a server says about a field is shown unchanged.

import { expect, it } from 'vitest';
import { CallError, type ErrorCode } from '../protocol/error';
import { isSignedOut, refusalText } from './problems';

it.each<[ErrorCode, string]>([
  ['wrong_password', 'The name or the password is wrong.'],
  ['name_taken', 'Another account has this name.'],
  ['last_operator', 'This is the last operator: there has to be one.'],
  ['broadcast_not_allowed', 'This stream key is wrong, or it was revoked.'],
  ['segment_gap', 'Something went wrong on the server. Try again in a moment.'],
])('%s', (code, text) => {
  expect(refusalText(new CallError(code, 'for programs'))).toBe(text);
});

it('tells how long to wait after too many attempts', () => {
  expect(refusalText(new CallError('limit_reached', 'slow', { retryAfterMs: 4_200 }))).toContain('in 5 s');
  expect(refusalText(new CallError('limit_reached', 'slow'))).toContain('in a moment');
});

it('turns a problem with a field into a sentence', () => {
  expect(refusalText(new CallError('invalid_request', 'name has a space'))).toBe('Name has a space.');
  expect(refusalText(new TypeError('broken'))).toContain('Something went wrong');
});

it('recognises that the session has ended', () => {
  expect(isSignedOut(new CallError('unauthorized', 'no session'))).toBe(true);
  expect(isSignedOut(new CallError('forbidden', 'no'))).toBe(false);
});
