// Server-Sent Events, cut into pieces anywhere.

import { expect, it } from 'vitest';
import { serverEvents, type ServerEvent } from './event-stream';

const TEXT =
  ': hello\r\n\r\nevent: a\r\nid: 7\r\ndata: {"x":"é"}\r\n\r\ndata:one\ndata: two\n\nevent: empty\n\nretry: 10\rdata\r\rdata: cut off';

const EVENTS = [
  { type: 'a', data: '{"x":"é"}' },
  { type: 'message', data: 'one\ntwo' },
  { type: 'message', data: '' },
];

function inPieces(text: string, size: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
}

it.each([1, 2, 3, 7, 1_000])('reads the same events from pieces of %i bytes', async (size) => {
  const events: ServerEvent[] = [];
  let signs = 0;
  for await (const event of serverEvents(inPieces(TEXT, size), () => signs++)) events.push(event);
  expect(events).toEqual(EVENTS);
  expect(signs).toBeGreaterThan(10);
});

it('ends the connection when its reader stops', async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('data: x\n\n')),
    cancel: () => {
      cancelled = true;
    },
  });
  for await (const { data } of serverEvents(body, () => undefined)) {
    expect(data).toBe('x');
    break;
  }
  expect(cancelled).toBe(true);
});
