// Unusual recordings through a node into Chromium: whatever a recording lacks, the page keeps playing its picture and
// sound.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { expect, test } from '@playwright/test';

import type { Viewer } from './support/pages.ts';
import { call, connectTo, createStream } from './support/node-client.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

const run = promisify(execFile);

/** Length of a Cluster of the recordings, and of a segment. */
const CLUSTER_MS = 100;
const CLUSTER_ID = Buffer.from('1f43b675', 'hex');

let undead: Undead;
let stage: Stage;

test.beforeAll(async () => {
  undead = await Undead.up();
  stage = await Stage.set();
});

test.afterAll(async () => {
  await stage.strike();
  expect(stage.complaints.lines).toEqual([]);
  expect(undead.errors()).toEqual([]);
  await undead.stop();
});

/** A WebM recording of a moving picture and a tone, made by ffmpeg, with a keyframe every 2 s. */
async function record(seconds: number, video: string, sound: string): Promise<Buffer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'undead-odd-'));
  try {
    const file = path.join(folder, 'recording.webm');
    const sources = ['-f', 'lavfi', '-i', `testsrc2=r=30:s=320x180:d=${seconds}${video}`];
    const tone = ['-f', 'lavfi', '-i', `sine=d=${seconds}${sound}`];
    const codecs = ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '60', '-c:a', 'libopus'];
    const container = ['-vsync', 'vfr', '-cluster_time_limit', `${CLUSTER_MS}`, file];
    await run('ffmpeg', ['-nostdin', '-v', 'error', ...sources, ...tone, ...codecs, ...container]);
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The part before the first Cluster, then every Cluster. */
function clusters(recording: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  let start = 0;
  for (let at = recording.indexOf(CLUSTER_ID); at >= 0; at = recording.indexOf(CLUSTER_ID, at + 1)) {
    pieces.push(recording.subarray(start, at));
    start = at;
  }
  return [...pieces, recording.subarray(start)];
}

interface Playing {
  positionS: number;
  pictures: number;
}

async function playing(viewer: Viewer): Promise<Playing> {
  return await viewer.page.locator('video').evaluate((element) => {
    const video = element as HTMLVideoElement;
    return { positionS: video.currentTime, pictures: video.getVideoPlaybackQuality().totalVideoFrames };
  });
}

/** Broadcasts segments like a recorder, and returns the page that watches them. */
async function broadcast(title: string, segments: Buffer[]): Promise<{ viewer: Viewer; over: Promise<void> }> {
  const { stream_id, publish } = await createStream(undead.url, title);
  const socket = await connectTo(undead.url, publish.nodes[0]?.public_url ?? '');
  const mime = 'video/webm;codecs=vp9,opus';
  await call(socket, 'register_new_stream', { stream_id, grant: publish.grant, mime });
  const feed = async (): Promise<void> => {
    const begun = performance.now();
    for (const [seq, segment] of segments.entries()) {
      await sleep(Math.max(0, begun + seq * CLUSTER_MS - performance.now()));
      expect(await call(socket, 'broadcast_data', { stream_id, segment })).toMatchObject({ ok: true });
    }
    socket.close();
  };
  const over = feed();
  const viewer = await stage.watch(`${undead.url}/view/${stream_id}`);
  await viewer.expectPicture();
  return { viewer, over };
}

/** Expects that both tracks play past `seconds` of the recording, and the picture moves there. */
async function expectPlaysPast(viewer: Viewer, seconds: number): Promise<void> {
  await expect.poll(async () => (await playing(viewer)).positionS).toBeGreaterThan(seconds);
  const { pictures } = await playing(viewer);
  await expect.poll(async () => (await playing(viewer)).pictures).toBeGreaterThan(pictures + 10);
}

test('playback continues through lost sound, the end of the sound and a still picture', async () => {
  // Two packets of sound are lost at 2 s, no picture comes from 3 s to 7 s, and the sound ends at 9 s.
  const sound = ",aselect='not(between(t,2,2.06))*lt(t,9)'";
  const recording = await record(14, ",select='not(between(t,3,7))'", sound);
  const { viewer, over } = await broadcast('Lacking', clusters(recording));
  await expectPlaysPast(viewer, 8);
  await expectPlaysPast(viewer, 11);
  await over;
  expect(await viewer.tellsNumber('jumps')).toBeLessThan(4);
});

test('decreasing timestamps continue from the previous position', async () => {
  const [first, second] = await Promise.all([record(4, '', ''), record(5, '', '')]);
  const [, ...again] = clusters(second);
  const { viewer, over } = await broadcast('Falling', [...clusters(first), ...again]);
  await expectPlaysPast(viewer, 6.5);
  await over;
});
