// Pictures of uploads are few, made for one file after another, and their failures affect nothing else.

import { expect, it } from 'vitest';
import { CallError } from '../../protocol/error';
import { Pictures, type Frame } from './pictures';

interface Setup {
  count?: number;
  send?: (itemId: string, frame: Frame) => Promise<void>;
}

function setUp({ count = 3, send = () => Promise.resolve() }: Setup = {}) {
  const log: string[] = [];
  const pictures = new Pictures({
    frames: async function* (file, signal) {
      log.push(`open ${file.name}`);
      try {
        if (file.name === 'damaged') throw new Error('cannot be read');
        for (let atMs = 0; atMs < count && !signal.aborted; atMs++) {
          await Promise.resolve();
          yield { atMs, picture: new Blob() };
        }
      } finally {
        log.push(`close ${file.name}`);
      }
    },
    send: async (itemId, frame) => {
      log.push(`${itemId} ${frame.atMs}`);
      await send(itemId, frame);
    },
    sent: (itemId) => log.push(`sent ${itemId}`),
  });
  const add = (...names: string[]): void => names.forEach((name) => pictures.add(new File([], name), `item ${name}`));
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
  return { pictures, add, settle, log };
}

it('are made for one file after another, and reported after the first and the last', async () => {
  const { add, settle, log } = setUp({ count: 2 });
  add('a', 'damaged', 'b');
  await settle();
  expect(log).toEqual([
    ...['open a', 'item a 0', 'sent item a', 'item a 1', 'close a', 'sent item a'],
    ...['open damaged', 'close damaged'],
    ...['open b', 'item b 0', 'sent item b', 'item b 1', 'close b', 'sent item b'],
  ]);
});

it('are limited, however many a file has', async () => {
  const { add, settle, log } = setUp({ count: 1_000 });
  add('a');
  await settle();
  expect(log.filter((line) => line.startsWith('item'))).toHaveLength(24);
  expect(log).toContain('close a');
});

it('are skipped if one does not arrive, and stop if the server accepts none', async () => {
  const away = setUp({
    send: (_, { atMs }) => (atMs === 0 ? Promise.reject(new CallError('timeout', 'away')) : done()),
  });
  away.add('a');
  await away.settle();
  expect(away.log).toEqual(['open a', 'item a 0', 'item a 1', 'sent item a', 'item a 2', 'close a', 'sent item a']);
  const refused = setUp({ send: () => Promise.reject(new CallError('unknown_item', 'deleted')) });
  refused.add('a', 'b');
  await refused.settle();
  expect(refused.log).toEqual(['open a', 'item a 0', 'close a', 'open b', 'item b 0', 'close b']);
});

it('stop with the page', async () => {
  const { pictures, add, settle, log } = setUp();
  add('a', 'b');
  pictures.close();
  await settle();
  expect(log).toEqual([]);
});

function done(): Promise<void> {
  return Promise.resolve();
}
