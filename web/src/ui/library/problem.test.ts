// @vitest-environment happy-dom
// An item's page says why it does not play, or why a part of it is missing.

import { afterEach, expect, it } from 'vitest';
import { CallError } from '../../protocol/error';
import type { Item } from '../../protocol/item';
import type { Notice } from '../notice';
import { ItemProblem } from './problem';

afterEach(() => document.body.replaceChildren());

/** The displayed notices: kind, heading, advice. */
async function told(item: Partial<Item>, error?: CallError): Promise<string[][]> {
  const element = new ItemProblem();
  Object.assign(element, { item, error });
  document.body.append(element);
  await element.updateComplete;
  const notices = [...element.renderRoot.querySelectorAll<Notice>('ud-notice')];
  return notices.map(({ kind, heading, advice }) => [kind, heading, advice]);
}

it('an unreadable file shows the reason, or what to do', async () => {
  const damaged = ['error', 'This file could not be read', 'Frame 7 is damaged.'];
  expect(await told({ kind: 'upload', state: 'failed', error: 'frame 7 is damaged' })).toEqual([damaged]);
  const [[, , advice] = []] = await told({ kind: 'upload', state: 'failed' });
  expect(advice).toBe('Upload it again, or in another format.');
});

it('an empty recording is not described as a file to upload again', async () => {
  const error = 'nothing has arrived from the nodes that recorded it';
  expect(await told({ kind: 'recording', state: 'failed', error })).toEqual([
    ['error', 'Nothing was recorded', 'Nothing has arrived from the nodes that recorded it.'],
  ]);
});

it('a recording that ended before its stream shows the reason, and other problems', async () => {
  const item = { kind: 'recording', state: 'ready', error: 'the quota is used up' } as const;
  const early = ['warn', 'This recording ended before its stream', 'The quota is used up.'];
  expect(await told(item)).toEqual([early]);
  const kinds = (await told(item, new CallError('unreachable', 'x'))).map(([kind]) => kind);
  expect(kinds).toEqual(['warn', 'error']);
});

it('a file that was read in part is not described as a recording', async () => {
  const error = 'only its first 7 s can be read: damaged file: the file is cut short';
  expect(await told({ kind: 'upload', state: 'ready', error })).toEqual([
    [
      'warn',
      'Only a part of this file could be read',
      'Only its first 7 s can be read: damaged file: the file is cut short.',
    ],
  ]);
});

it('a playable item shows no notice', async () => {
  expect(await told({ kind: 'upload', state: 'ready' })).toEqual([]);
});
