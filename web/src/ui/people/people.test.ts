// @vitest-environment happy-dom
// Forms about people: what they send, how they show refusals, and that secrets do not stay in fields.

import { afterEach, describe, expect, it, vi } from 'vitest';
import type { StreamKeyInfo } from '../../protocol/account';
import { CallError } from '../../protocol/error';
import { AccountMenu } from './account-menu';
import { SetupForm } from './setup-form';
import { SignIn } from './sign-in';
import { StreamKeys } from './stream-keys';

afterEach(() => document.body.replaceChildren());

interface Element extends HTMLElement {
  readonly updateComplete: Promise<boolean>;
  readonly renderRoot: HTMLElement | DocumentFragment;
}

async function mount<E extends Element>(element: E, properties: Partial<E>): Promise<E> {
  Object.assign(element, properties);
  document.body.append(element);
  await element.updateComplete;
  return element;
}

function fill(element: Element, id: string, text: string): void {
  const field = input(element, id);
  field.value = text;
  field.dispatchEvent(new Event('input'));
}

function input(element: Element, id: string): HTMLInputElement {
  const field = element.renderRoot.querySelector<HTMLInputElement>(`#${id}`);
  if (!field) throw new Error(`no field ${id}`);
  return field;
}

async function submit(element: Element): Promise<void> {
  element.renderRoot.querySelector('form')?.dispatchEvent(new Event('submit', { cancelable: true }));
  await vi.waitFor(async () => {
    await element.updateComplete;
    expect(element.renderRoot.querySelector('form button[disabled]')).toBeNull();
  });
}

const alertOf = (element: Element): string =>
  element.renderRoot.querySelector('[role=alert]')?.textContent.trim() ?? '';

describe('<ud-sign-in>', () => {
  it('signs in, once per press, and clears the password', async () => {
    const entered: string[][] = [];
    const enter = (...who: string[]): Promise<void> => {
      entered.push(who);
      return Promise.resolve();
    };
    const form = await mount(new SignIn(), { enter });
    const heard = vi.fn();
    form.addEventListener('signed-in', heard);
    fill(form, 'name', ' ann ');
    fill(form, 'password', 'secret');
    await submit(form);
    expect(entered).toEqual([['ann', 'secret']]);
    expect(heard).toHaveBeenCalledOnce();
    expect(input(form, 'password').value).toBe('');
  });

  it('shows what is wrong, and keeps the name', async () => {
    const form = await mount(new SignIn(), { enter: () => Promise.reject(new CallError('wrong_password', 'no')) });
    fill(form, 'name', 'ann');
    fill(form, 'password', 'guess');
    await submit(form);
    expect(alertOf(form)).toBe('The name or the password is wrong.');
    expect(input(form, 'password').value).toBe('');
    expect(input(form, 'name').value).toBe('ann');
  });
});

it('<ud-setup-form> reports that a link was already used', async () => {
  const form = await mount(new SetupForm(), { create: () => Promise.reject(new CallError('setup_refused', 'used')) });
  fill(form, 'name', 'ann');
  fill(form, 'password', 'long enough');
  await submit(form);
  expect(alertOf(form)).toContain('used already');
});

describe('<ud-stream-keys>', () => {
  const KEY: StreamKeyInfo = { key_id: 'k1', name: 'OBS', owner: 'ann', created_at_ms: 0 };

  it('shows a new key once, and lists the others without their secrets', async () => {
    const keys = [KEY];
    const people = {
      streamKeys: () => Promise.resolve([...keys]),
      makeStreamKey: (name: string) => {
        keys.push({ ...KEY, key_id: 'k2', name });
        return Promise.resolve({ key_id: 'k2', name, key: 'the secret' });
      },
      revokeStreamKey: () => Promise.resolve(),
    };
    const list = await mount(new StreamKeys(), { people, owners: true });
    await vi.waitFor(() => expect(list.renderRoot.querySelectorAll('tbody tr')).toHaveLength(1));
    fill(list, 'name', 'Phone');
    await submit(list);
    await vi.waitFor(() => expect(list.renderRoot.querySelectorAll('tbody tr')).toHaveLength(2));
    expect(list.renderRoot.querySelector('ud-copy-link')).toMatchObject({ url: 'the secret', what: 'key' });
    const again = await mount(new StreamKeys(), { people });
    await vi.waitFor(() => expect(again.renderRoot.querySelectorAll('tbody tr')).toHaveLength(2));
    expect(again.renderRoot.textContent).not.toContain('the secret');
  });

  it('notifies the page when the session has ended', async () => {
    const refuse = (): Promise<never> => Promise.reject(new CallError('unauthorized', 'no session'));
    const heard = vi.fn();
    document.body.addEventListener('session-over', heard, { once: true });
    await mount(new StreamKeys(), { people: { streamKeys: refuse, makeStreamKey: refuse, revokeStreamKey: refuse } });
    await vi.waitFor(() => expect(heard).toHaveBeenCalledOnce());
  });
});

it('<ud-account-menu> is shown to people who are signed in, and signs out', async () => {
  const signedOut: (boolean | undefined)[] = [];
  const people = {
    signOut: (everywhere?: boolean) => {
      signedOut.push(everywhere);
      return Promise.resolve();
    },
    changeOwnPassword: () => Promise.resolve(),
  };
  const nobody = await mount(new AccountMenu(), { people });
  expect(nobody.renderRoot.querySelector('ud-menu')).toBeNull();
  const menu = await mount(new AccountMenu(), { people, account: { name: 'ann', role: 'broadcaster' } });
  expect(menu.renderRoot.querySelector('.name')?.textContent).toBe('ann');
  const heard = vi.fn();
  menu.addEventListener('signed-out', heard);
  const inner = menu.renderRoot.querySelector('ud-menu');
  const items = inner?.items.map(({ id }) => id);
  expect(items).toEqual(['password', 'here', 'everywhere']);
  inner?.dispatchEvent(Object.assign(new Event('pick'), { id: 'everywhere' }));
  await vi.waitFor(() => expect(heard).toHaveBeenCalledOnce());
  expect(signedOut).toEqual([true]);
  const operator = await mount(new AccountMenu(), { people, account: { name: 'ann', role: 'operator' } });
  const pages = operator.renderRoot.querySelector('ud-menu')?.items.map(({ id }) => id);
  expect(pages?.slice(0, 2)).toEqual(['operations', 'jobs']);
});
