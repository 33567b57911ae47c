// @vitest-environment happy-dom
// A page knows who is signed in, shows why it does not, and updates the browser's storage with each answer.

import { LitElement, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { People } from '../../api/people';
import type { Me } from '../../protocol/account';
import { CallError } from '../../protocol/error';
import type { Item } from '../../protocol/item';
import { strings } from '../../strings';
import type { AccountMenu } from './account-menu';
import { Login } from './login';

const ANN: Me['account'] = { name: 'ann', role: 'broadcaster' };
const me = vi.fn<People['me']>();
const isFor = vi.fn<(person: string | null) => Promise<void>>(() => Promise.resolve());
const signedOut = vi.fn();

@customElement('test-page')
class TestPage extends LitElement {
  readonly login = new Login(this, { people: { me } as unknown as People, kept: { isFor }, signedOut });

  override render(): TemplateResult {
    return this.login.menu();
  }
}

function answer(account: Me['account']): void {
  me.mockResolvedValue({ account, broadcast: 'open', may_broadcast: true, setup_needed: false });
}

async function open(): Promise<TestPage> {
  const page = new TestPage();
  document.body.append(page);
  await page.login.name();
  await page.updateComplete;
  return page;
}

beforeEach(() => vi.clearAllMocks());
afterEach(() => document.body.replaceChildren());

it('a page asks when it opens, and updates the storage', async () => {
  answer(ANN);
  const { login } = await open();
  expect([login.account, await login.name(), login.problem]).toEqual([ANN, 'ann', '']);
  expect(isFor.mock.calls).toEqual([['ann']]);
});

it('items may be changed by their owner, and by operators', async () => {
  const item = (owner: string): Item => ({ owner }) as Item;
  answer(ANN);
  const { login } = await open();
  expect([login.mayEdit(item('ann')), login.mayEdit(item('ben')), login.mayEdit(undefined)]).toEqual([
    true,
    false,
    false,
  ]);
  answer({ name: 'root', role: 'operator' });
  await login.look();
  expect(login.mayEdit(item('ben'))).toBe(true);
  answer(null);
  await login.look();
  expect(login.mayEdit(item('ann'))).toBe(false);
});

it('a failed request is reported, and the storage stays unchanged', async () => {
  me.mockRejectedValue(new CallError('unreachable', 'no answer'));
  const { login } = await open();
  expect([login.me, await login.name(), login.problem]).toEqual([
    undefined,
    undefined,
    strings.people.problems.unreachable,
  ]);
  expect(isFor).toHaveBeenCalledExactlyOnceWith(undefined);
});

it('signing out asks again, after the page stopped what requires the account', async () => {
  answer(ANN);
  const page = await open();
  answer(null);
  page.renderRoot.querySelector<AccountMenu>('ud-account-menu')?.dispatchEvent(new Event('signed-out'));
  await page.login.name();
  expect(signedOut).toHaveBeenCalledOnce();
  expect(signedOut.mock.invocationCallOrder[0]).toBeLessThan(me.mock.invocationCallOrder[1] ?? 0);
  expect(isFor.mock.calls).toEqual([['ann'], [null]]);
});
