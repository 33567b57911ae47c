// @vitest-environment happy-dom
// What viewers of an interrupted stream see, and hear from screen readers.

import { afterEach, expect, it } from 'vitest';
import { WatchOverlay } from './overlay';

afterEach(() => document.body.replaceChildren());

it('counts down until an interrupted stream ends, visually only', async () => {
  const overlay = new WatchOverlay();
  Object.assign(overlay, { situation: 'interrupted', endsInS: 21 });
  document.body.append(overlay);
  await overlay.updateComplete;
  const seen = (): string | undefined => overlay.renderRoot.querySelector('.shown')?.textContent ?? undefined;
  const heard = (): string | undefined =>
    overlay.renderRoot.querySelector('.visually-hidden')?.textContent ?? undefined;
  expect(seen()).toBe("If they aren't back in 21 s, the stream ends.");
  overlay.endsInS = 9;
  await overlay.updateComplete;
  expect(seen()).toBe("If they aren't back in 9 s, the stream ends.");
  expect(heard()).toBe("If they aren't back in 21 s, the stream ends.");
  overlay.endsInS = 0;
  await overlay.updateComplete;
  expect(seen()).toBe("If they aren't back in a moment, the stream ends.");

  Object.assign(overlay, { situation: 'live', started: true, endsInS: undefined });
  await overlay.updateComplete;
  expect(seen()).toBeUndefined();
  Object.assign(overlay, { situation: 'interrupted', endsInS: 30 });
  await overlay.updateComplete;
  expect(heard()).toBe("If they aren't back in 30 s, the stream ends.");
});

it.each([
  ['missing', 'by invitation'],
  ['expired', 'has expired'],
  ['used_up', 'is used up'],
  ['revoked', 'was revoked'],
  ['something newer', 'does not work'],
  [undefined, 'does not work'],
])('says plainly what is wrong with an invitation: %s', async (reason, words) => {
  const overlay = Object.assign(new WatchOverlay(), { situation: 'uninvited', reason });
  document.body.append(overlay);
  await overlay.updateComplete;
  expect(overlay.renderRoot.querySelector('h2')?.textContent).toContain(words);
});

it.each([
  ['invitation_refused', 'used_up', 'This invitation is used up'],
  ['wrong_passphrase', undefined, 'This stream is private'],
])('asks for the passphrase after %s, and says why', async (problem, reason, heading) => {
  const overlay = Object.assign(new WatchOverlay(), { situation: 'locked', problem, reason });
  document.body.append(overlay);
  await overlay.updateComplete;
  expect(overlay.renderRoot.querySelector('h2')?.textContent).toBe(heading);
  expect(overlay.renderRoot.querySelector('input[name=passphrase]')).not.toBeNull();
});
