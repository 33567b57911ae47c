// @vitest-environment happy-dom
// The choices before going live, and what the page announces as the next step.

import { afterEach, expect, it } from 'vitest';
import { LiveSetup, GoLiveEvent } from './setup';

afterEach(() => document.body.replaceChildren());

async function setup(change: Partial<LiveSetup>): Promise<LiveSetup> {
  const element = Object.assign(new LiveSetup(), change);
  element.settings = {
    title: '',
    quality: 'Standard',
    microphone: false,
    visibility: 'private',
    record: false,
    ...change.settings,
  };
  document.body.append(element);
  await element.updateComplete;
  return element;
}

const next = (element: LiveSetup): string => element.renderRoot.querySelector('form > .hint')?.textContent ?? '';

it('announces the next step while nothing is shared yet', async () => {
  expect(next(await setup({}))).toBe('Next: pick a screen. You go live immediately.');
  expect(next(await setup({ screens: false }))).toBe('Next: allow the camera. You go live immediately.');
  expect(next(await setup({ ready: true }))).toBe('');
});

it('explains each quality in words and figures', async () => {
  const labels = [...(await setup({})).renderRoot.querySelectorAll('details .choices label')].map(
    (label) => label.textContent,
  );
  expect(labels).toHaveLength(3);
  for (const label of labels) expect(label).toMatch(/For .*Up to \d+ × \d+, [\d.]+ Mbit\/s/s);
});

it('disables itself if nothing can be shared', async () => {
  const element = await setup({ blocked: true });
  expect(element.renderRoot.querySelector('button')?.disabled).toBe(true);
  expect(next(element)).toBe('');
});

it('asks whether to record if broadcasters decide, says so if everything is recorded, and is silent otherwise', async () => {
  const words = async (record: 'off' | 'ask' | 'all'): Promise<string> =>
    (await setup({ record })).renderRoot.textContent.replace(/\s+/g, ' ');
  expect(await words('ask')).toContain('Keep it in the library');
  expect(await words('all')).toContain('This server keeps every stream in its library.');
  expect(await words('off')).not.toContain('library');
});

it('sends the passphrase of a private stream, and none of other streams', async () => {
  for (const [visibility, sent] of [
    ['private', 'sesame'],
    ['unlisted', ''],
    ['public', ''],
  ] as const) {
    const element = await setup({});
    const passphrase = element.renderRoot.querySelector<HTMLInputElement>('#passphrase');
    if (!passphrase) throw new Error('no field');
    passphrase.value = 'sesame';
    passphrase.dispatchEvent(new Event('input'));
    element.settings = { ...element.settings, visibility };
    await element.updateComplete;
    const heard: string[] = [];
    element.addEventListener('go-live', (event) => event instanceof GoLiveEvent && heard.push(event.passphrase));
    element.renderRoot.querySelector('form')?.dispatchEvent(new Event('submit', { cancelable: true }));
    expect(heard).toEqual([sent]);
  }
});
