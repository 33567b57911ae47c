// @vitest-environment happy-dom
// The elements of a party: what they show of its state, to whom they offer what, and which actions they send.

import { afterEach, describe, expect, it, vi } from 'vitest';
import { fakeEntry, fakeMember, fakeState, FakeParty } from '../../party/fake-party';
import { CallError } from '../../protocol/error';
import type { PartyState } from '../../protocol/party';
import { PartyChat } from './chat';
import { placeOf } from './dragging';
import { ActionEvent } from './events';
import { JoinForm } from './join-form';
import { PartyMembers } from './members';
import { Outcome } from './outcome';
import { PartyQueue } from './queue';
import { drawn } from './qr-code';
import { Stage } from './stage';
import { offBy, tone } from './sync-error';
import { PartyVote } from './vote';

type Shown = HTMLElement & { updateComplete: Promise<boolean>; renderRoot: HTMLElement | DocumentFragment };

async function mount<T extends Shown>(element: T, properties: Partial<T>): Promise<T> {
  Object.assign(element, properties);
  document.body.append(element);
  await element.updateComplete;
  return element;
}

function find(element: Shown, selector: string): HTMLElement {
  const found = element.renderRoot.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
}

function type(element: Shown, selector: string, text: string): void {
  const input = find(element, selector) as HTMLInputElement;
  input.value = text;
  input.dispatchEvent(new Event('input'));
}

const all = (element: Shown, selector: string): HTMLElement[] => [
  ...element.renderRoot.querySelectorAll<HTMLElement>(selector),
];
const text = (element: Element | null | undefined): string => (element?.textContent ?? '').replace(/\s+/g, ' ').trim();

function asked(element: HTMLElement): ActionEvent['action'][] {
  const actions: ActionEvent['action'][] = [];
  element.addEventListener('ud-party-action', ({ action }) => actions.push(action));
  return actions;
}

afterEach(() => document.body.replaceChildren());

describe('<ud-party-queue>', () => {
  const state = fakeState({
    members: [fakeMember('m1', { name: 'Ann' }), fakeMember('m2', { name: 'Bob' })],
    queue: [
      fakeEntry('e1'),
      fakeEntry('e2', { is_suggestion: true, added_by: 'm2' }),
      fakeEntry('e3', { added_by: 'm2' }),
      fakeEntry('e4'),
    ],
  });

  it('moves an entry by the arrow keys on its handle, and includes suggestions in the index', async () => {
    const queue = await mount(new PartyQueue(), { state, me: 'm1', leads: true });
    const actions = asked(queue);
    const grip = all(queue, '.grip')[0];
    for (const key of ['ArrowDown', 'End', 'ArrowUp', 'x'])
      grip?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    expect(actions).toEqual([
      { command: 'move', entry_id: 'e1', to: 2 },
      { command: 'move', entry_id: 'e1', to: 3 },
    ]);
    await queue.updateComplete;
    expect(text(find(queue, '[role=status]'))).toContain('number 3');
  });

  it('keeps the focus on the handle of a row that moves down', async () => {
    const queue = await mount(new PartyQueue(), { state, me: 'm1', leads: true });
    const grip = all(queue, '.grip')[0];
    grip?.focus();
    grip?.dispatchEvent(new KeyboardEvent('keydown', { key: 'End', bubbles: true }));
    // Browsers do this when a node moves.
    grip?.blur();
    const [first, ...rest] = state.queue;
    queue.state = { ...state, queue: [...rest, ...(first === undefined ? [] : [first])] };
    await queue.updateComplete;
    expect(queue.shadowRoot?.activeElement?.getAttribute('aria-label')).toContain('Song e1');
  });

  it('lets the host accept and decline suggestions of members', async () => {
    const queue = await mount(new PartyQueue(), { state, me: 'm1', leads: true });
    const actions = asked(queue);
    find(queue, '.accept').click();
    find(queue, '.refuse').click();
    expect(actions).toEqual([
      { command: 'accept', entry_id: 'e2' },
      { command: 'remove', entry_id: 'e2' },
    ]);
  });

  it('lets members only remove their own entries', async () => {
    const queue = await mount(new PartyQueue(), { state, me: 'm2' });
    expect(all(queue, '.grip, .accept, ud-menu')).toEqual([]);
    expect(all(queue, '.remove').map((button) => button.getAttribute('aria-label'))).toEqual([
      'Remove Song e3',
      'Remove Song e2',
    ]);
  });
});

it('a dropped row moves to the right place even if the queue changed meanwhile', async () => {
  const entries = ['e1', 'e2', 'e3', 'e4'].map((id) => fakeEntry(id));
  const queue = await mount(new PartyQueue(), { state: fakeState({ queue: entries }), me: 'm1', leads: true });
  const actions = asked(queue);
  const grip = all(queue, '.grip')[3];
  if (grip === undefined) throw new Error('no handle');
  grip.setPointerCapture = () => undefined;
  all(queue, '.row').forEach((row, at) => (row.getBoundingClientRect = () => new DOMRect(0, at * 50, 300, 50)));
  const pointer = (kind: string, clientY: number): unknown =>
    grip.dispatchEvent(new PointerEvent(kind, { button: 0, clientY, bubbles: true }));
  pointer('pointerdown', 170);
  pointer('pointermove', 70);
  // The first entry begins to play.
  queue.state = fakeState({ queue: entries.slice(1) });
  await queue.updateComplete;
  pointer('pointerup', 70);
  expect(actions).toEqual([{ command: 'move', entry_id: 'e4', to: 0 }]);
});

it('a dragged row takes the nearest place within the list', () => {
  expect([-3, 0.4, 0.6, 1.5, 9].map((at) => placeOf(at, 3))).toEqual([0, 0, 1, 2, 2]);
});

describe('<ud-party-vote>', () => {
  const state = fakeState({
    policy: 'vote',
    acting_policy: 'vote',
    members: [fakeMember('m1'), fakeMember('m2', { name: 'Bob' }), fakeMember('m3', { is_present: false })],
    queue: [fakeEntry('e1'), fakeEntry('e2'), fakeEntry('e3')],
    timeline: { entry: fakeEntry('e1'), position_ms: 0, at_ms: 0, paused: false, round: 4 },
    round: {
      round: 4,
      closes_at_ms: 100_000,
      votes: [{ entry_id: 'e2', count: 1, members: ['m2'] }],
      skips: [],
      skips_needed: 2,
    },
  });

  it('shows the candidates with counts and voters, without the current entry', async () => {
    const vote = await mount(new PartyVote(), { state, me: 'm1', nowMs: 58_000 });
    expect(all(vote, '.row strong').map(text)).toEqual(['Song e2', 'Song e3']);
    expect(all(vote, '.votes').map(text)).toEqual(['1 vote', '0 votes']);
    expect(find(vote, 'ud-avatar').getAttribute('label')).toBe('Bob');
    expect(text(find(vote, 'header'))).toContain('1 of 2 voted');
    expect(text(find(vote, '.time'))).toBe('Closes in 0:42');
  });

  it('offers the only entry, although it plays', async () => {
    const vote = await mount(new PartyVote(), { state: { ...state, queue: [fakeEntry('e1')] }, me: 'm1' });
    expect(all(vote, '.row strong').map(text)).toEqual(['Song e1']);
  });

  it('marks the member’s vote, and sends another one', async () => {
    const vote = await mount(new PartyVote(), { state, me: 'm1', vote: 'e2' });
    const actions = asked(vote);
    const buttons = all(vote, '.row button[aria-pressed]');
    expect(buttons.map((button) => button.getAttribute('aria-pressed'))).toEqual(['true', 'false']);
    buttons[1]?.click();
    expect(actions).toEqual([{ command: 'vote', entry_id: 'e3' }]);
  });

  it('tells screen readers once that the round closes soon, and how it ended', async () => {
    const vote = await mount(new PartyVote(), { state, me: 'm1', nowMs: 50_000 });
    const told = find(vote, '[role=status]');
    expect(text(told)).toBe('');
    vote.nowMs = 91_000;
    await vote.updateComplete;
    expect(text(told)).toContain('closes in 10 seconds');
    const closed = (round: number): PartyState => ({
      ...state,
      last_round: { round, winner: 'e2', votes: [{ entry_id: 'e2', count: 2 }], cast_at_random: 1 },
    });
    vote.state = closed(3);
    await vote.updateComplete;
    vote.state = closed(4);
    await vote.updateComplete;
    expect(text(told)).toBe('Song e2 won with 2 votes.');
    expect(text(find(vote, '.last'))).toContain('1 vote was cast at random');
  });
});

describe('<ud-party-members>', () => {
  const state = fakeState({
    members: [
      fakeMember('m2', { name: 'Bob' }),
      fakeMember('m1', { name: 'Ann' }),
      fakeMember('m3', { name: 'Cy', is_present: false, is_muted: true }),
    ],
  });

  it('shows the host first, absent members last, and the sync error of each', async () => {
    const reports = new Map([
      ['m2', { error_ms: -18.2 }],
      ['m1', { is_buffering: true }],
    ]);
    const members = await mount(new PartyMembers(), { state, me: 'm2', reports });
    expect(all(members, 'li').map(text)).toEqual([
      expect.stringMatching(/^Ann ?Host ?Loading/),
      expect.stringMatching(/^Bob ?You ?−18 ms/),
      expect.stringMatching(/^Cy ?Can’t chat · Away/),
    ]);
    expect(find(members, '.off.ok').title).toBe('−18 ms off');
  });

  it('asks before it removes a member, and offers that only to leaders', async () => {
    const members = await mount(new PartyMembers(), { state, me: 'm1', leads: true, hosts: true });
    const actions = asked(members);
    const menu = members.renderRoot.querySelectorAll('ud-menu')[1];
    expect(menu?.items.map(({ id }) => id)).toEqual(['hand_over', 'mute', 'kick']);
    menu?.dispatchEvent(Object.assign(new Event('pick'), { id: 'kick' }));
    await vi.waitFor(() => expect(find(members, 'ud-confirm').getAttribute('heading')).toBe('Remove Bob?'));
    expect(actions).toEqual([]);
    find(members, 'ud-confirm').dispatchEvent(new Event('confirm'));
    expect(actions).toEqual([{ command: 'kick', member_id: 'm2' }]);
    members.hosts = false;
    await members.updateComplete;
    expect(menu?.items.map(({ id }) => id)).toEqual(['mute', 'kick']);
    members.leads = false;
    await members.updateComplete;
    expect(all(members, 'ud-menu')).toHaveLength(1);
  });
});

describe('<ud-party-chat>', () => {
  it('returns a message that was not sent', async () => {
    const chat = await mount(new PartyChat(), { state: fakeState(), me: 'm1' });
    const failed: (() => void)[] = [];
    chat.addEventListener('ud-party-action', (event) => event.failed !== undefined && failed.push(event.failed));
    const draft = async (): Promise<string> => {
      await chat.updateComplete;
      return (find(chat, 'input') as HTMLInputElement).value;
    };
    const send = (): unknown => find(chat, 'form').dispatchEvent(new Event('submit', { cancelable: true }));
    type(chat, 'input', 'Hi');
    await chat.updateComplete;
    send();
    expect(await draft()).toBe('');
    failed[0]?.();
    expect(await draft()).toBe('Hi');
    send();
    type(chat, 'input', 'Another');
    failed[1]?.();
    expect(await draft()).toBe('Another');
  });

  const message = { message_id: 'c1', member_id: 'm1', name: 'Ann', text: '<b>Hello</b>', at_ms: 0 };

  it('shows messages as plain text and sends what is written', async () => {
    const chat = await mount(new PartyChat(), { state: fakeState({ chat: [message] }), me: 'm1' });
    const actions = asked(chat);
    expect(text(find(chat, '.said'))).toBe('<b>Hello</b>');
    type(chat, 'input', '  Hi  ');
    find(chat, 'form').dispatchEvent(new Event('submit', { cancelable: true }));
    expect(actions).toEqual([{ command: 'chat', text: 'Hi' }]);
  });

  it('tells muted members that they may not write', async () => {
    const state = fakeState({ members: [fakeMember('m1', { is_muted: true })] });
    const chat = await mount(new PartyChat(), { state, me: 'm1' });
    expect(all(chat, 'form')).toEqual([]);
    expect(text(find(chat, '[role=status]'))).toContain('muted you');
  });
});

describe('<ud-party-join>', () => {
  it('requires a name of guests, and joins with it', async () => {
    const join = vi.fn(() => Promise.resolve());
    const form = await mount(new JoinForm(), { state: fakeState(), join });
    const submit = (): boolean => find(form, 'form').dispatchEvent(new Event('submit', { cancelable: true }));
    submit();
    await form.updateComplete;
    expect(text(find(form, '[role=alert]'))).toContain('Enter a name');
    type(form, '#name', 'Zoë');
    submit();
    expect(join).toHaveBeenCalledWith('Zoë');
  });

  it('joins with the name of the account', async () => {
    const join = vi.fn(() => Promise.resolve());
    const form = await mount(new JoinForm(), { state: fakeState(), join, account: 'ann' });
    expect(all(form, '#name')).toEqual([]);
    expect(text(find(form, 'button'))).toBe('Join as ann');
    find(form, 'form').dispatchEvent(new Event('submit', { cancelable: true }));
    expect(join).toHaveBeenCalledWith('ann');
  });

  it('asks to sign in if the party needs an account', async () => {
    const state = fakeState();
    const form = await mount(new JoinForm(), {
      state: { ...state, settings: { ...state.settings, needs_account: true } },
      join: () => Promise.resolve(),
    });
    expect(all(form, 'form')).toEqual([]);
    expect(find(form, 'slot').getAttribute('name')).toBe('sign-in');
  });
});

describe('<ud-party-join> of a private party', () => {
  it('offers to sign in once the party has refused a guest', async () => {
    const join = (): Promise<void> => Promise.reject(new CallError('unauthorized', 'sign in'));
    const form = await mount(new JoinForm(), { state: undefined, join });
    expect(all(form, 'slot')).toEqual([]);
    type(form, '#name', 'Zoë');
    find(form, 'form').dispatchEvent(new Event('submit', { cancelable: true }));
    await vi.waitFor(() => expect(find(form, 'slot').getAttribute('name')).toBe('sign-in'));
    form.account = 'ann';
    await form.updateComplete;
    expect(text(find(form, 'button'))).toBe('Join as ann');
  });
});

describe('<ud-party-stage>', () => {
  const playing = fakeState({
    members: [fakeMember('m1', { name: 'Ann' }), fakeMember('m2'), fakeMember('m3')],
    timeline: { entry: fakeEntry('e1'), position_ms: 0, at_ms: 0, paused: false, round: 1 },
  });
  const labels = (stage: Stage): (string | null)[] =>
    all(stage, '.controls button').map((button) => button.getAttribute('aria-label') ?? text(button));

  it('has all controls for leaders, and the own volume for others', async () => {
    const { view } = new FakeParty(playing, 'm1');
    const stage = await mount(new Stage(), { view, leads: true });
    expect(labels(stage)).toEqual(['Previous', 'Pause for everyone', 'Next', 'Mute for you']);
    const actions = asked(stage);
    for (const button of all(stage, '.controls button').slice(0, 3)) button.click();
    expect(actions.map(({ command }) => command)).toEqual(['previous', 'pause', 'next']);
    stage.leads = false;
    await stage.updateComplete;
    expect(labels(stage)).toEqual(['Mute for you']);
    expect(find(stage, 'ud-timeline').hasAttribute('fixed')).toBe(true);
  });

  it('lets each member turn the vocals down if the song has stems', async () => {
    const { view } = new FakeParty(playing, 'm1');
    const stage = await mount(new Stage(), { view, vocals: 0.4 });
    expect(all(stage, '#vocals')).toEqual([]);
    stage.view = { ...view, playback: { ...view.playback, hasVocals: true } };
    await stage.updateComplete;
    const slider = find(stage, '#vocals') as HTMLInputElement;
    expect(slider.value).toBe('40');
    const shares: number[] = [];
    stage.addEventListener('ud-party-vocals', ({ share }) => shares.push(share));
    slider.value = '0';
    slider.dispatchEvent(new Event('input'));
    expect(shares).toEqual([0]);
  });

  it('reports that the vocals of a song can no longer be turned down, but not for another song', async () => {
    const toasts: string[] = [];
    addEventListener('ud-toast', (event) => toasts.push((event as Event & { text: string }).text));
    const { view } = new FakeParty(playing, 'm1');
    const withVocals = { ...view, playback: { ...view.playback, hasVocals: true } };
    const stage = await mount(new Stage(), { view: withVocals });
    stage.view = { ...view, playback: { ...view.playback, entryId: 'other' } };
    await stage.updateComplete;
    expect(toasts).toEqual([]);
    stage.view = withVocals;
    await stage.updateComplete;
    stage.view = view;
    await stage.updateComplete;
    expect(toasts).toEqual(['The vocals of this song can’t be changed']);
  });

  it('shows for whom all wait, and does not display it as a pause', async () => {
    const timeline = { ...playing.timeline, paused: true, waiting_for: ['m1'] };
    const { view } = new FakeParty({ ...playing, timeline }, 'm1');
    const stage = await mount(new Stage(), { view, leads: true });
    expect(text(find(stage, '.eyebrow'))).toBe('Waiting for Ann');
    expect(labels(stage)).toContain('Pause for everyone');
  });

  it('counts the members who ask to skip in a vote', async () => {
    const round = { round: 1, votes: [], skips: ['m2'], skips_needed: 2 };
    const { view } = new FakeParty({ ...playing, policy: 'vote', acting_policy: 'vote', round }, 'm2');
    const stage = await mount(new Stage(), { view });
    const skip = find(stage, '.skip');
    expect(text(skip)).toContain('1/2');
    expect(skip.getAttribute('aria-pressed')).toBe('true');
  });

  it('asks for a press if the browser requires one', async () => {
    const party = new FakeParty(playing, 'm2');
    party.show({ playback: { ...party.view.playback, phase: 'needs_gesture' } });
    const stage = await mount(new Stage(), { view: party.view });
    const unlocked = vi.fn();
    stage.addEventListener('ud-unlock', unlocked);
    find(stage, '.tap').click();
    expect(unlocked).toHaveBeenCalledOnce();
  });

  it('shows the element that has pictures', async () => {
    const stage = await mount(new Stage(), { view: new FakeParty(playing, 'm1').view });
    const [first, second] = stage.elements.videos;
    stage.elements.show(second);
    expect([first, second].map(({ className }) => className)).toEqual(['', 'seen']);
    stage.elements.show(undefined);
    expect(second.className).toBe('');
  });
});

it('people who cannot see a party may sign in, even if that option is known late', async () => {
  const outcome = await mount(new Outcome(), { kind: 'nowhere' });
  expect(all(outcome, 'details')).toEqual([]);
  outcome.maySignIn = true;
  await outcome.updateComplete;
  expect(all(outcome, 'details slot').length).toBe(1);
});

it('the sync error of a member has a sign and a colour', () => {
  expect([12.4, -8.6, 0.3].map(offBy)).toEqual(['+12', '−9', '0']);
  expect([20, -51, 400].map(tone)).toEqual(['ok', 'warn', 'bad']);
});

it('a QR code is drawn with its three finder patterns', () => {
  const { size, path } = drawn('https://example.org/party/8811d3bae631e8b5e26212edaf3e41eb');
  const runs = path.split('M').slice(1);
  const top = runs.filter((run) => /^\d+ 0h/.test(run));
  expect(top[0]).toBe('0 0h7v1H0z');
  expect(top.at(-1)).toBe(`${size - 7} 0h7v1H${size - 7}z`);
  expect(runs).toContain(`0 ${size - 1}h7v1H0z`);
});
