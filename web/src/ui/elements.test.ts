// @vitest-environment happy-dom
// The behaviour of the design system's elements with keyboards and screen readers.

import { html, render } from 'lit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Confirm } from './confirm';
import { CopyLink } from './copy-link';
import { textField } from './fields';
import { Menu, PickEvent } from './menu';
import { Progress } from './progress';
import { SelectEvent, Tabs } from './tabs';
import { Toasts, toast } from './toasts';

type Mounted = HTMLElement & { updateComplete: Promise<boolean>; renderRoot: HTMLElement | DocumentFragment };

async function mount<T extends Mounted>(element: T): Promise<T> {
  document.body.append(element);
  await element.updateComplete;
  return element;
}

function find(element: Mounted, selector: string): HTMLElement {
  const found = element.renderRoot.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
}

async function press(element: Mounted, on: HTMLElement, key: string): Promise<KeyboardEvent> {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, composed: true, cancelable: true });
  on.dispatchEvent(event);
  await element.updateComplete;
  return event;
}

const focused = (element: Mounted): string => (element.shadowRoot?.activeElement?.textContent ?? '').trim();

afterEach(() => document.body.replaceChildren());

describe('<ud-menu>', () => {
  let menu: Menu;
  const picked: string[] = [];

  beforeEach(async () => {
    picked.length = 0;
    menu = new Menu();
    menu.label = 'Appearance';
    menu.items = [
      { id: 'a', label: 'First', checked: true, group: 'one' },
      { id: 'b', label: 'Second', checked: false, group: 'one' },
      { id: 'c', label: 'Third', checked: true },
    ];
    menu.addEventListener('pick', (event) => event instanceof PickEvent && picked.push(event.id));
    await mount(menu);
  });

  it('opens with the arrows, at the end they point to, and sets aria-expanded', async () => {
    const button = find(menu, '#button');
    expect(button.getAttribute('aria-expanded')).toBe('false');
    await press(menu, button, 'ArrowDown');
    await menu.updateComplete;
    expect(button.getAttribute('aria-expanded')).toBe('true');
    expect(focused(menu)).toBe('First');
    await press(menu, find(menu, '.menu button'), 'Escape');
    await press(menu, button, 'ArrowUp');
    await menu.updateComplete;
    expect(focused(menu)).toBe('Third');
  });

  it('moves in a circle with arrows, to the ends with Home and End', async () => {
    await press(menu, find(menu, '#button'), 'ArrowDown');
    await menu.updateComplete;
    const steps: string[] = [];
    for (const key of ['ArrowDown', 'End', 'ArrowDown', 'ArrowUp', 'Home']) {
      const on = menu.shadowRoot?.activeElement as HTMLElement;
      expect((await press(menu, on, key)).defaultPrevented).toBe(true);
      steps.push(focused(menu));
    }
    expect(steps).toEqual(['Second', 'Third', 'First', 'Third', 'First']);
  });

  it('sends the picked item, closes, and gives the focus back', async () => {
    find(menu, '#button').click();
    await menu.updateComplete;
    find(menu, '.menu button:nth-of-type(2)').click();
    await menu.updateComplete;
    expect(picked).toEqual(['b']);
    expect(menu.renderRoot.querySelector('.menu')).toBeNull();
    expect(menu.shadowRoot?.activeElement?.id).toBe('button');
  });

  it('stops its keys from reaching the player, which listens on the document', async () => {
    const heard = vi.fn();
    document.addEventListener('keydown', heard);
    find(menu, '#button').click();
    await menu.updateComplete;
    await press(menu, find(menu, '.menu button'), 'm');
    document.removeEventListener('keydown', heard);
    expect(heard).not.toHaveBeenCalled();
  });

  it('marks the chosen items', async () => {
    find(menu, '#button').click();
    await menu.updateComplete;
    const items = [...menu.renderRoot.querySelectorAll('.menu button')];
    expect(items.map((item) => `${item.getAttribute('role')} ${item.getAttribute('aria-checked')}`)).toEqual([
      'menuitemradio true',
      'menuitemradio false',
      'menuitemcheckbox true',
    ]);
  });
});

describe('<ud-tabs>', () => {
  it('selects with arrows, Home and End, and has one tab stop', async () => {
    const tabs = new Tabs();
    tabs.tabs = ['one', 'two', 'three'].map((name) => ({ name, label: name }));
    tabs.selected = 'one';
    const selected: string[] = [];
    tabs.addEventListener('ud-select', (event) => selected.push(event instanceof SelectEvent ? event.selected : ''));
    // The event that inputs in a panel send when text in them is selected.
    tabs.dispatchEvent(new Event('select', { bubbles: true }));
    await mount(tabs);
    for (const key of ['ArrowRight', 'End', 'ArrowRight', 'ArrowLeft', 'Home', 'x']) {
      await press(tabs, find(tabs, '[aria-selected="true"]'), key);
    }
    expect(selected).toEqual(['two', 'three', 'one', 'three', 'one']);
    expect(tabs.renderRoot.querySelectorAll('[tabindex="0"]')).toHaveLength(1);
    expect(find(tabs, '[role=tabpanel] slot').getAttribute('name')).toBe('one');
  });
});

describe('toast()', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const texts = (toasts: Toasts): string[] =>
    [...toasts.renderRoot.querySelectorAll('.toast > span')].map((span) => span.textContent);

  it('is announced by a region that existed before, and disappears by itself', async () => {
    const toasts = await mount(new Toasts());
    expect(toasts.getAttribute('role')).toBe('status');
    toast('It worked');
    await toasts.updateComplete;
    expect(texts(toasts)).toEqual(['It worked']);
    vi.runAllTimers();
    await toasts.updateComplete;
    expect(texts(toasts)).toEqual([]);
  });

  it('stays while it is hovered or focused, and can be dismissed', async () => {
    const toasts = await mount(new Toasts());
    toast('Read me');
    await toasts.updateComplete;
    find(toasts, '.toast').dispatchEvent(new Event('pointerenter'));
    vi.runAllTimers();
    await toasts.updateComplete;
    expect(texts(toasts)).toEqual(['Read me']);
    find(toasts, '.toast button').click();
    await toasts.updateComplete;
    expect(texts(toasts)).toEqual([]);
  });

  it('shows three at most, the newest ones', async () => {
    const toasts = await mount(new Toasts());
    for (const text of ['1', '2', '3', '4']) toast(text);
    await toasts.updateComplete;
    expect(texts(toasts)).toEqual(['2', '3', '4']);
  });

  it('shows a repeated message once, and for as long as the last one', async () => {
    const toasts = await mount(new Toasts());
    toast('Added');
    vi.advanceTimersByTime(5_000);
    for (const text of ['Other', 'Added', 'Added']) toast(text);
    vi.advanceTimersByTime(5_000);
    await toasts.updateComplete;
    expect(texts(toasts)).toEqual(['Other', 'Added']);
  });
});

describe('<ud-confirm>', () => {
  it('confirms only with its own button; closing it otherwise cancels', async () => {
    const confirm = await mount(new Confirm());
    const agreed = vi.fn();
    confirm.addEventListener('confirm', agreed);
    const dialog = find(confirm, 'dialog') as HTMLDialogElement;
    confirm.ask();
    expect(dialog.open).toBe(true);
    dialog.close('');
    expect(agreed).not.toHaveBeenCalled();
    confirm.ask();
    dialog.close('confirm');
    expect(agreed).toHaveBeenCalledOnce();
  });
});

describe('textField()', () => {
  it('names its input, and describes it by hint and error', () => {
    const field = { id: 'a', label: 'Name', hint: 'Yours', error: 'Too long', value: 'x' };
    render(textField(field), document.body);
    const input = document.querySelector('input');
    expect(document.querySelector('label')?.htmlFor).toBe(input?.id);
    const described = (input?.getAttribute('aria-describedby') ?? '').split(' ');
    expect(described.map((id) => document.getElementById(id)?.textContent)).toEqual(['Yours', 'Too long']);
    expect(input?.getAttribute('aria-invalid')).toBe('true');
    render(textField({ id: 'a', label: 'Name' }), document.body);
    expect(document.querySelector('input')?.hasAttribute('aria-describedby')).toBe(false);
    render(html``, document.body);
  });
});

describe('<ud-progress>', () => {
  it('stays within its bounds, and is indeterminate without a value', async () => {
    const progress = new Progress();
    progress.value = 1.7;
    progress.text = '12 of 10';
    await mount(progress);
    const bar = find(progress, 'progress');
    expect([bar.getAttribute('value'), bar.getAttribute('aria-valuetext')]).toEqual(['1', '12 of 10']);
    progress.value = undefined;
    await progress.updateComplete;
    expect(bar.hasAttribute('value')).toBe(false);
  });
});

describe('<ud-copy-link>', () => {
  it('holds the whole link, and shows its recognisable parts', async () => {
    const link = new CopyLink();
    link.url = `https://example.org:8443/view/${'8811d3ba'.repeat(4)}`;
    await mount(link);
    expect((find(link, 'input') as HTMLInputElement).value).toBe(link.url);
    expect(find(link, '.short').textContent).toBe('example.org:8443/view/…d3ba');
  });
});
