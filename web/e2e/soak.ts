// A long broadcast: do latency and the server's memory stay constant from beginning to end? This is a measurement, not
// a test. It writes a line per sample. The reader judges the numbers.
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from '@playwright/test';

import { latenciesMs, median, watchPaintedClock } from './support/painted-clock.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

const ARTIFACTS = fileURLToPath(new URL('artifacts/', import.meta.url));
const RECORDS = path.join(ARTIFACTS, 'soak.jsonl');
const MINUTES = Number(process.env.SOAK_MINUTES ?? 30);
const LOOK_EVERY_MS = Number(process.env.SOAK_LOOK_MS ?? 20_000);

async function residentKiB(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid ?? 'self'}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}

test(`${MINUTES} minutes on air`, async () => {
  await mkdir(ARTIFACTS, { recursive: true });
  await writeFile(RECORDS, '');
  const undead = await Undead.up();
  const stage = await Stage.set();
  const broadcaster = await stage.goLive(undead.url, 'Long broadcast');
  const viewer = await stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  const differences: number[] = [];
  const startMs = Date.now();
  while (Date.now() - startMs < MINUTES * 60_000) {
    const sights = await watchPaintedClock(viewer.page, 3_000);
    const look = {
      at_s: Math.round((Date.now() - startMs) / 1000),
      latency_painted_ms: Math.round(median(latenciesMs(sights))),
      latency_shown_ms: await viewer.tellsNumber('latency-ms'),
      stalls: await viewer.tellsNumber('stalls'),
      jumps: await viewer.tellsNumber('jumps'),
      resident_kib: await residentKiB(undead.pid),
    };
    if (!Number.isNaN(look.latency_shown_ms)) differences.push(look.latency_shown_ms - look.latency_painted_ms);
    await appendFile(RECORDS, `${JSON.stringify(look)}\n`);
    await viewer.page.waitForTimeout(LOOK_EVERY_MS);
  }
  console.log(JSON.stringify({ looks: differences.length, shown_less_painted_ms: median(differences) }));
  await broadcaster.end();
  await viewer.expectState('ended');
  await stage.strike();
  expect(stage.complaints.lines).toEqual([]);
  expect(undead.errors()).toEqual([]);
  await undead.stop();
});
