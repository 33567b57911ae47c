// @vitest-environment happy-dom
// An item's page says why it does not play, or why there is less of it than of its stream.

import { afterEach, expect, it } from 'vitest';
import { CallError } from '../../protocol/error';
import type { Item } from '../../protocol/item';
import type { Notice } from '../notice';
import { ItemProblem } from './problem';

afterEach(() => document.body.replaceChildren());

/** What the notices say: kind, heading, advice. */
async function told(item: Partial<Item>, error?: CallError): Promise<string[][]> {
  const element = new ItemProblem();
  Object.assign(element, { item, error });
  document.body.append(element);
  await element.updateComplete;
  const notices = [...element.renderRoot.querySelectorAll<Notice>('ud-notice')];
  return notices.map(({ kind, heading, advice }) => [kind, heading, advice]);
}

it('a file that could not be read says why, or what to do', async () => {
  const damaged = ['error', 'This file could not be read', 'Frame 7 is damaged.'];
  expect(await told({ kind: 'upload', state: 'failed', error: 'frame 7 is damaged' })).toEqual([damaged]);
  const [[, , advice] = []] = await told({ kind: 'upload', state: 'failed' });
  expect(advice).toBe('Upload it again, or in another format.');
});

it('a recording of which nothing came is no file that could be uploaded again', async () => {
  const error = 'nothing has arrived from the nodes that recorded it';
  expect(await told({ kind: 'recording', state: 'failed', error })).toEqual([
    ['error', 'Nothing was recorded', 'Nothing has arrived from the nodes that recorded it.'],
  ]);
});

it('a recording that ended before its stream says why, and what else is wrong', async () => {
  const item = { kind: 'recording', state: 'ready', error: 'the quota is used up' } as const;
  const early = ['warn', 'This recording ended before its stream', 'The quota is used up.'];
  expect(await told(item)).toEqual([early]);
  const kinds = (await told(item, new CallError('unreachable', 'x'))).map(([kind]) => kind);
  expect(kinds).toEqual(['warn', 'error']);
});

it('nothing is said of an item that plays', async () => {
  expect(await told({ kind: 'upload', state: 'ready' })).toEqual([]);
});
