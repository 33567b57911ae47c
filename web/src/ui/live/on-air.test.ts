// @vitest-environment happy-dom
// What broadcasters see while live: who can watch, and the health of the stream.

import { afterEach, expect, it } from 'vitest';
import type { BroadcastState } from '../../publish/broadcast';
import type { SharedSound } from './health';
import { OnAir } from './on-air';

const STATE: BroadcastState = {
  phase: 'live',
  viewers: 0,
  problem: undefined,
  node: undefined,
  behindMs: 0,
  recording: true,
  recorderProblem: undefined,
  picture: {
    source: { width: 1280, height: 720 },
    sent: { width: 1280, height: 720 },
    limit: { width: 1920, height: 1080 },
    reduced: false,
  },
  slow: false,
} as BroadcastState;

const SOUND: SharedSound = {
  kind: 'screen',
  stream: { getAudioTracks: () => [] } as unknown as MediaStream,
  hasAudio: false,
  hasOwnSound: false,
  voice: 'off',
};

afterEach(() => document.body.replaceChildren());

async function onAir(change: Partial<OnAir>): Promise<OnAir> {
  const element = Object.assign(new OnAir(), { state: STATE, shared: SOUND }, change);
  element.rates = change.rates ?? { framesPerSecond: 29.6, bitsPerSecond: 2_440_000 };
  document.body.append(element);
  await element.updateComplete;
  return element;
}

/** The rows of the health list, by name. */
async function health(element: OnAir): Promise<Record<string, string>> {
  const list = element.renderRoot.querySelector('ud-health');
  await list?.updateComplete;
  const rows = [...(list?.renderRoot.querySelectorAll('dl > div') ?? [])];
  const text = (row: Element, name: string): string => (row.querySelector(name)?.textContent ?? '').trim();
  return Object.fromEntries(rows.map((row) => [text(row, 'dt'), text(row, 'dd')]));
}

it('shows the state of upload, picture and sound', async () => {
  expect(await health(await onAir({}))).toEqual({
    Upload: 'Up to date',
    Picture: '1280 × 720, 30 fps',
    'Bit rate': '2.4 Mbit/s',
    'Tab or system sound': 'Not included',
    Microphone: 'Off',
    'Sound level': 'No sound',
  });
  const worse = await onAir({
    state: { ...STATE, behindMs: 1_840 },
    shared: { ...SOUND, hasOwnSound: true, voice: 'muted' },
    rates: { framesPerSecond: undefined, bitsPerSecond: undefined },
  });
  expect(await health(worse)).toMatchObject({
    Upload: '1.8 s behind',
    Picture: '1280 × 720',
    'Bit rate': 'Measuring…',
    'Tab or system sound': 'Included',
    Microphone: 'Muted by the device',
  });
});

it('shows who can watch, and the passphrase when asked', async () => {
  const words = (element: OnAir): string => element.renderRoot.querySelector('section .hint')?.textContent ?? '';
  expect(words(await onAir({}))).toBe('Public');
  expect(words(await onAir({ visibility: 'unlisted' }))).toBe('Unlisted: anyone with the link can watch.');
  expect(words(await onAir({ visibility: 'private' }))).toBe('Private: viewers need an invitation link.');
  const secret = await onAir({ visibility: 'private', passphrase: 'open sesame' });
  expect(words(secret)).toContain('the passphrase');
  const field = secret.renderRoot.querySelector('ud-passphrase');
  await field?.updateComplete;
  const shown = (): string => field?.renderRoot.querySelector('code')?.textContent ?? '';
  expect(shown()).not.toContain('sesame');
  field?.renderRoot.querySelector('button')?.click();
  await field?.updateComplete;
  expect(shown()).toBe('open sesame');
});

it('has one primary button: to invite viewers, or to share again', async () => {
  const primary = (element: OnAir): string[] =>
    [...element.renderRoot.querySelectorAll('.primary, [primary]')].map((found) => found.textContent.trim());
  expect(primary(await onAir({}))).toEqual(['']);
  expect(primary(await onAir({ state: { ...STATE, recording: false, phase: 'paused' } }))).toEqual(['Share again']);
});
