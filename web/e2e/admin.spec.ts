// The page for operators: the set-up link, signing in and out, accounts, stream keys, and ending a stream that no list shows.
import { expect, test, type Browser, type Page } from '@playwright/test';

import { launchBrowser } from './support/browser.ts';
import { createStream } from './support/node-client.ts';
import { NAME, Operator, PASSWORD } from './support/operator.ts';
import { Undead } from './support/undead.ts';

let undead: Undead;
let browser: Browser;
let page: Page;

test.beforeEach(async () => {
  undead = await Undead.up();
  browser = await launchBrowser();
  page = await browser.newPage();
});

test.afterEach(async () => {
  await browser.close();
  expect(await undead.stop()).toBe(0);
});

async function signIn(password: string, name = NAME): Promise<void> {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function pick(item: string, menu = `Account ${NAME}`): Promise<void> {
  await page.getByRole('button', { name: menu }).click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
}

test('the set-up link creates the first operator, once, and is removed from the address', async () => {
  const link = await undead.setupUrl();
  await page.goto(`${undead.url}/admin`);
  await expect(page.getByText('This server has no operator yet')).toBeVisible();
  await page.goto(link);
  await expect(page).toHaveURL(`${undead.url}/admin`);
  await page.getByLabel('Name').fill(NAME);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create the account' }).click();
  for (const node of ['cdn-a', 'cdn-b']) {
    await expect(page.getByRole('row', { name: node })).toContainText('live');
  }
  await pick('Sign out');
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();

  await page.goto(link);
  await page.getByLabel('Name').fill('eve');
  await page.getByLabel('Password').fill('another password');
  await page.getByRole('button', { name: 'Create the account' }).click();
  await expect(page.getByRole('alert')).toContainText('used already');
});

test('an operator sees the nodes, and nobody else does', async () => {
  await Operator.of(undead);
  await page.goto(`${undead.url}/admin`);
  await signIn('not the password');
  await expect(page.getByRole('alert')).toContainText('The name or the password is wrong');
  await expect(page.getByRole('table')).toHaveCount(0);
  await signIn(PASSWORD);
  for (const node of ['cdn-a', 'cdn-b']) {
    await expect(page.getByRole('row', { name: node })).toContainText('live');
  }
  await expect(page.getByText('Capacity is right').or(page.getByText('can be stopped').first())).toBeVisible();
  await expect(page.getByText('2 nodes with nothing to carry')).toBeAttached();
  await page.reload();
  await expect(page.getByRole('row', { name: 'cdn-a' })).toBeVisible();

  await pick('Sign out everywhere');
  await expect(page.getByRole('table')).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await expect(page.getByLabel('Password')).toHaveValue('');
});

test('an operator ends a private stream, after confirmation', async () => {
  const operator = await Operator.of(undead);
  const { stream_id } = await createStream(undead.url, 'Private', { visibility: 'private' });
  const state = async (): Promise<string> =>
    ((await operator.call('GET', `/api/streams/${stream_id}`)) as { state: string }).state;
  await page.goto(`${undead.url}/admin`);
  await signIn(PASSWORD);
  await page.getByRole('tab', { name: /^Streams/ }).click();
  const find = page.getByLabel('Find by title, link or ID');
  await find.fill('nothing like it');
  await expect(page.getByText('No stream matches')).toBeVisible();
  await find.fill(`${undead.url}/view/${stream_id}`);
  const row = page.getByRole('row', { name: 'Private' });
  await row.getByRole('button', { name: 'End' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  expect(await state()).toBe('created');
  await row.getByRole('button', { name: 'End' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End for everyone' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'has ended' })).toBeVisible();
  await expect.poll(state).toBe('ended');
});

test('an operator adds an account; its owner sees only stream keys and changes the password', async () => {
  await Operator.of(undead);
  await page.goto(`${undead.url}/admin`);
  await signIn(PASSWORD);
  await page.getByRole('tab', { name: 'Accounts' }).click();
  await page.getByRole('button', { name: 'Add an account' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('bob');
  await dialog.getByLabel('Password').fill('first password');
  await dialog.getByRole('button', { name: 'Add an account' }).click();
  await expect(page.getByRole('row', { name: 'bob' })).toContainText('Broadcaster');
  await pick('Remove', `Actions for ${NAME}`);
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect(page.getByText('there has to be one')).toBeVisible();

  await pick('Sign out');
  await signIn('first password', 'bob');
  await expect(page.getByRole('heading', { name: 'Stream keys', exact: true })).toBeVisible();
  await page.getByLabel('Name of the new key').fill('OBS');
  await page.getByRole('button', { name: 'Make a key' }).click();
  await expect(page.getByLabel('Stream key', { exact: true })).toHaveValue(/\S{16,}/);
  await page.reload();
  await expect(page.getByRole('row', { name: 'OBS' })).toContainText('Never');
  await expect(page.getByLabel('Stream key', { exact: true })).toHaveCount(0);

  await pick('Change password', 'Account bob');
  await page.getByLabel('Present password').fill('not it');
  await page.getByLabel('New password').fill('second password');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toContainText('not your present password');
  await page.getByLabel('Present password').fill('first password');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('The password is changed')).toBeVisible();
});
