// The public contract, used by clients written only from docs/protocol.md, and checked by ffmpeg.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from '@playwright/test';

import { call, Collector, connectTo, createStream, type Created } from './support/node-client.ts';
import { loadRecording, type Recording } from './support/recording.ts';
import { Undead } from './support/undead.ts';

const run = promisify(execFile);

let undead: Undead;
let recording: Recording;

test.beforeAll(async () => {
  undead = await Undead.up();
  recording = await loadRecording('webm-vp9-opus-100ms-key1s');
});

test.afterAll(async () => {
  expect(undead.errors()).toEqual([]);
  expect(await undead.stop()).toBe(0);
});

function nodeOf(created: Created): string {
  const node = created.publish.nodes[0];
  if (!node) throw new Error('no node was assigned');
  return node.public_url;
}

/** ffmpeg's complaints while decoding a whole file; empty if it is correct. */
async function complaints(file: Buffer): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'undead-contract-'));
  try {
    const name = path.join(folder, 'saved.webm');
    await writeFile(name, file);
    const decoded = await run('ffmpeg', ['-v', 'warning', '-i', name, '-fps_mode', 'passthrough', '-f', 'null', '-']);
    return decoded.stdout + decoded.stderr;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('a client with three fields broadcasts, and everything that a viewer saved decodes', async () => {
  const created = await createStream(undead.url, 'Three fields');
  const broadcaster = await connectTo(undead.url, nodeOf(created));
  const { stream_id, publish } = created;
  const registered = await call(broadcaster, 'register_new_stream', {
    stream_id,
    grant: publish.grant,
    mime: recording.mime,
  });
  expect(registered).toMatchObject({ ok: true, next_segment: 0, viewers: 0 });

  const viewer = new Collector(await connectTo(undead.url, nodeOf(created)));
  expect(await call(viewer.socket, 'watch_stream', stream_id)).toMatchObject({ ok: true });
  for (const segment of recording.segments) {
    broadcaster.emit('broadcast_data', { stream_id, segment });
  }
  const last = await call(broadcaster, 'broadcast_data', { stream_id, segment: Buffer.alloc(0) });
  expect(last).toMatchObject({ ok: true, have: { take: 0, seq: recording.segments.length } });
  expect(await call(broadcaster, 'end_stream', { stream_id })).toMatchObject({ ok: true });
  await expect.poll(() => viewer.states.at(-1)).toBe('ended');

  expect(viewer.received[0]?.kind).toBe('init');
  expect(viewer.media[0]).toMatchObject({ take: 0, group: 0, index: 0, key: true });
  expect(await complaints(viewer.file())).toBe('');
  broadcaster.close();
  viewer.socket.close();
});

for (const transport of ['polling', 'websocket'] as const) {
  test(`a late viewer over ${transport} begins with the newest keyframe`, async () => {
    const created = await createStream(undead.url, `Late over ${transport}`);
    const { stream_id, publish } = created;
    const broadcaster = await connectTo(undead.url, nodeOf(created), [transport]);
    await call(broadcaster, 'register_new_stream', { stream_id, grant: publish.grant, mime: recording.mime, take: 0 });
    for (const [seq, segment] of recording.segments.entries()) {
      expect(await call(broadcaster, 'broadcast_data', { stream_id, take: 0, seq, segment })).toMatchObject({
        ok: true,
        have: { take: 0, seq },
      });
    }
    const late = new Collector(await connectTo(undead.url, nodeOf(created), [transport]));
    const watching = await call(late.socket, 'watch_stream', { stream_id });
    expect(watching).toMatchObject({ ok: true, take: 0 });
    await expect.poll(() => late.media.length).toBeGreaterThan(0);
    const first = late.media[0];
    expect(late.received[0]).toMatchObject({ kind: 'init', take: 0 });
    expect(first).toMatchObject({ index: 0, key: true });
    expect(first?.group).toBeGreaterThan(1);

    const again = new Collector(await connectTo(undead.url, nodeOf(created), [transport]));
    const after = { take: 0, group: 1, index: 2 };
    expect(await call(again.socket, 'watch_stream', { stream_id, after })).toMatchObject({ ok: true });
    await expect.poll(() => again.media.length).toBeGreaterThan(0);
    expect(again.media[0]).toMatchObject({ take: 0, group: 1, index: 3 });
    expect(await complaints(late.file())).toBe('');
    for (const socket of [broadcaster, late.socket, again.socket]) socket.close();
  });
}

test('garbage to every event is answered with a code, and another stream is not affected', async () => {
  const created = await createStream(undead.url, 'Undisturbed');
  const { stream_id, publish } = created;
  const broadcaster = await connectTo(undead.url, nodeOf(created));
  await call(broadcaster, 'register_new_stream', { stream_id, grant: publish.grant, mime: recording.mime });
  const vandal = await connectTo(undead.url, nodeOf(created));
  const events = ['register_new_stream', 'broadcast_data', 'end_stream', 'watch_stream', 'leave_stream', 'clock'];
  const garbage = [undefined, null, 7, 'x', [], {}, { stream_id: 5 }, { stream_id: 'zz', segment: 'no bytes' }];
  for (const event of events) {
    for (const payload of garbage) {
      const ack = await call(vandal, event, payload);
      expect(ack, `${event} ${JSON.stringify(payload)}`).toMatchObject({ ok: false });
      expect(ack.error?.code).toMatch(/^[a-z_]+$/);
    }
  }
  const stolen = await call(vandal, 'broadcast_data', { stream_id, segment: Buffer.from('not yours') });
  expect(stolen.error?.code).toBe('not_registered');
  for (const segment of recording.segments) {
    expect(await call(broadcaster, 'broadcast_data', { stream_id, segment })).toMatchObject({ ok: true });
  }
  broadcaster.close();
  vandal.close();
});

test('media that does not parse is refused, and earlier media stays', async () => {
  const created = await createStream(undead.url, 'Broken off');
  const { stream_id, publish } = created;
  const broadcaster = await connectTo(undead.url, nodeOf(created));
  await call(broadcaster, 'register_new_stream', { stream_id, grant: publish.grant, mime: recording.mime });
  for (const segment of recording.segments) {
    await call(broadcaster, 'broadcast_data', { stream_id, segment });
  }
  const refused = await call(broadcaster, 'broadcast_data', { stream_id, segment: Buffer.alloc(4096, 0x01) });
  expect(refused).toMatchObject({ ok: false, error: { code: 'malformed_media' } });
  const viewer = new Collector(await connectTo(undead.url, nodeOf(created)));
  await call(viewer.socket, 'watch_stream', stream_id);
  await expect.poll(() => viewer.media.length).toBeGreaterThan(0);
  expect(await complaints(viewer.file())).toBe('');
  broadcaster.close();
  viewer.socket.close();
});
