// Admission: while every node is full, both pages explain it until there is capacity; and passphrases.
import { expect, test, type Page } from '@playwright/test';

import { createStream } from './support/node-client.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

let undead: Undead;
let stage: Stage;

test.beforeEach(async () => {
  undead = await Undead.up();
  stage = await Stage.set();
});

test.afterEach(async () => {
  await stage.strike();
  // Browsers may report only the refusals themselves.
  expect(stage.complaints.lines.filter((line) => !/status of (403|503)/.test(line))).toEqual([]);
  expect(undead.errors()).toEqual([]);
  expect(await undead.stop()).toBe(0);
});

/** Refuses POST requests to `path` with `code` until it is lifted. */
class Refusal {
  lifted = false;
  readonly #path: RegExp;
  readonly #code: string;

  constructor(path: RegExp, code: string) {
    this.#path = path;
    this.#code = code;
  }

  readonly meet = async (page: Page): Promise<void> => {
    await page.route(this.#path, async (route) => {
      if (this.lifted || route.request().method() !== 'POST') await route.fallback();
      else await route.fulfill({ status: 503, headers: { 'retry-after': '1' }, json: this.#body });
    });
  };

  get #body(): object {
    return { error: { code: this.#code, message: 'as the test wants it' } };
  }
}

for (const [code, words] of [
  ['no_capacity', 'All servers are full at the moment'],
  ['store_unavailable', 'You can’t join right now'],
] as const) {
  test(`a viewer sees ${code}, waits, and is admitted`, async () => {
    const broadcaster = await stage.goLive(undead.url, 'Full house');
    const refusal = new Refusal(/\/watch$/, code);
    const viewer = await stage.watch(broadcaster.watchUrl, refusal.meet);
    await viewer.expectState('busy');
    await expect(viewer.page.getByText(words)).toBeVisible();
    await expect(viewer.page.getByText(/Next try in|Trying again/)).toBeVisible();
    refusal.lifted = true;
    await viewer.expectPicture();
    await expect(viewer.page.getByText(words)).toBeHidden();
  });

  test(`a broadcaster sees ${code}, waits, and goes on air`, async () => {
    const refusal = new Refusal(/\/api\/streams$/, code);
    const page = await stage.page(`${undead.url}/live`, refusal.meet);
    await page.getByRole('button', { name: 'Share a screen' }).click();
    await page.getByRole('button', { name: 'Go live' }).click();
    await expect(page.getByText(/All servers are full|No stream can be started/)).toBeVisible();
    await page.getByRole('button', { name: 'Stop trying' }).click();
    await expect(page.getByRole('button', { name: 'Go live' })).toBeEnabled();
    await page.getByRole('button', { name: 'Go live' }).click();
    await expect(page.getByText('We keep trying')).toBeVisible();
    refusal.lifted = true;
    await expect(page.getByRole('textbox', { name: 'Link for viewers' })).toHaveValue(/\/view\/[0-9a-f]{32}$/);
  });
}

test('a stream with a passphrase shows its title only to people who enter it', async () => {
  const secret = { visibility: 'private', passphrase: 'open sesame' };
  const { stream_id } = await createStream(undead.url, 'Family dinner', secret);
  const page = await stage.page(`${undead.url}/view/${stream_id}`);
  const title = page.getByRole('heading', { level: 1 });
  await expect(title).toHaveText('Private stream');
  await expect(page.getByText(/viewer|Live for/)).toBeHidden();
  for (const passphrase of ['wrong', secret.passphrase]) {
    await page.getByLabel('Passphrase').fill(passphrase);
    await page.getByLabel('Passphrase').press('Enter');
    await expect(title).toHaveText(passphrase === 'wrong' ? 'Private stream' : 'Family dinner');
  }
  await expect(page).toHaveTitle('Family dinner · Undead');
});
