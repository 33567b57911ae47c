// A party in memory, for tests of pages and the style guide, with one host: this member, after joining. Commands change
// the state like the server's, as far as pages show it; it does not implement all rules.

import { CallError } from '../protocol/error';
import {
  DEFAULT_SETTINGS,
  type EndReason,
  type Entry,
  type Member,
  type PartyAction,
  type PartyState,
  type PartyTimeline,
  type ReportPlayback,
  type Target,
  type Votes,
} from '../protocol/party';
import type { PartySession, PartyStage, SessionView } from './session';

/** An entry of the queue, with defaults for omitted fields. */
export function fakeEntry(id: string, rest: Partial<Entry> = {}): Entry {
  return {
    entry_id: id,
    item_id: id.padEnd(32, '0'),
    title: `Song ${id}`,
    duration_ms: 180_000,
    hash: id.padEnd(64, '0'),
    added_by: 'm1',
    ...rest,
  };
}

/** A member who is present. */
export function fakeMember(id: string, rest: Partial<Member> = {}): Member {
  return { member_id: id, name: `Member ${id}`, hue: 200, is_present: true, joined_at_ms: 1_700_000_000_000, ...rest };
}

/** A party in which nothing plays. */
export function fakeState(rest: Partial<PartyState> = {}): PartyState {
  return {
    party_id: '0123456789abcdef0123456789abcdef',
    revision: 1,
    title: 'Friday',
    policy: 'host',
    acting_policy: 'host',
    access: 'unlisted',
    host: 'm1',
    settings: DEFAULT_SETTINGS,
    members: [fakeMember('m1', { name: 'Ann' })],
    queue: [],
    played: [],
    timeline: { position_ms: 0, at_ms: 0, paused: true, round: 0 },
    chat: [],
    created_at_ms: 1_700_000_000_000,
    ...rest,
  };
}

/** A {@link PartySession} in memory. */
export class FakeParty implements PartySession {
  /** All commands, in order. */
  readonly commands: PartyAction[] = [];
  /** The error of the next call. */
  refuses: CallError | undefined;
  stage: PartyStage | undefined;
  /** How often {@link unlock} was called. */
  unlocks = 0;
  muted = false;
  volume = 1;
  trimMs = 0;
  vocals = 1;
  readonly #nowMs: () => number;
  readonly #listeners = new Set<(view: SessionView) => void>();
  #view: SessionView;

  /** Opens with `state`; `me` is this member's id, or undefined for an onlooker. */
  constructor(state: PartyState = fakeState(), me?: string, nowMs: () => number = () => Date.now()) {
    this.#nowMs = nowMs;
    this.#view = {
      phase: me === undefined ? 'onlooker' : 'member',
      state,
      me,
      isConnected: true,
      reports: new Map(),
      vote: undefined,
      ended: undefined,
      problem: undefined,
      playback: {
        phase: 'idle',
        entryId: undefined,
        isLive: false,
        errorMs: undefined,
        problem: undefined,
        wave: undefined,
        hasVocals: false,
      },
    };
  }

  get view(): SessionView {
    return this.#view;
  }

  get token(): string | undefined {
    return this.#view.me === undefined ? undefined : 'up_fake';
  }

  onChange(listener: (view: SessionView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  open(): void {
    this.show({});
  }

  join(name: string): Promise<void> {
    return this.#answer(() => {
      const me = `m${this.#state.members.length + 1}`;
      this.change({ members: [...this.#state.members, fakeMember(me, { name })] });
      this.show({ me, phase: 'member' });
    });
  }

  leave(): Promise<void> {
    this.end('left');
    return Promise.resolve();
  }

  command(action: PartyAction): Promise<void> {
    return this.#answer(() => {
      this.commands.push(action);
      this.change(this.#outcome(action));
    });
  }

  attach(stage: PartyStage): void {
    this.stage = stage;
  }

  unlock(): void {
    this.unlocks++;
  }

  serverNowMs(): number {
    return this.#nowMs();
  }

  positionMs(): number | undefined {
    const { entry, position_ms, at_ms, paused } = this.#state.timeline;
    if (entry === undefined) return undefined;
    return paused ? position_ms : position_ms + this.#nowMs() - at_ms;
  }

  close(): void {
    this.#listeners.clear();
  }

  /** Changes the view. */
  show(change: Partial<SessionView>): void {
    this.#view = { ...this.#view, ...change };
    for (const listener of this.#listeners) listener(this.#view);
  }

  /** Changes the party, with a new revision. */
  change(change: Partial<PartyState>): void {
    this.show({ state: { ...this.#state, ...change, revision: this.#state.revision + 1 } });
  }

  /** Reports a member's sync error. */
  report(member: string, report: ReportPlayback): void {
    this.show({ reports: new Map([...this.#view.reports, [member, report]]) });
  }

  /** Ends the party for this member. */
  end(reason: EndReason): void {
    this.show({ phase: 'ended', ended: reason, me: undefined });
  }

  get #state(): PartyState {
    return this.#view.state ?? fakeState();
  }

  #answer(action: () => void): Promise<void> {
    const why = this.refuses;
    this.refuses = undefined;
    if (why !== undefined) return Promise.reject(why);
    action();
    return Promise.resolve();
  }

  #outcome(action: PartyAction): Partial<PartyState> {
    switch (action.command) {
      case 'queue':
        return { queue: [...this.#state.queue, this.#entryOf(action)] };
      case 'remove':
        return { queue: this.#state.queue.filter((entry) => !isNamed(entry, action)) };
      case 'move':
        return this.#moved(action, action.to);
      case 'accept':
        return {
          queue: this.#state.queue.map((entry) =>
            isNamed(entry, action) ? { ...entry, is_suggestion: false } : entry,
          ),
        };
      case 'play':
        return this.#playing(this.#state.queue.find((entry) => isNamed(entry, action)));
      case 'next':
        return this.#playing(this.#state.queue.find((entry) => entry.is_suggestion !== true));
      case 'pause':
        return this.#withTimeline({ paused: true });
      case 'seek':
        return this.#withTimeline({ position_ms: action.position_ms });
      case 'vote':
        return this.#voted(action);
      case 'chat':
        return this.#said(action.text);
      case 'kick':
        return { members: this.#state.members.filter(({ member_id }) => member_id !== action.member_id) };
      case 'mute':
        return this.#withMember(action.member_id, { is_muted: action.on ?? true });
      case 'rename':
        return this.#withMember(this.#view.me, { name: action.name });
      case 'hand_over':
        return { host: action.member_id };
      case 'set': {
        const { title, policy, access, settings, people } = action;
        const set = { title, policy, acting_policy: policy, access, settings, people };
        return Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined));
      }
      case 'end':
        this.end('ended');
        return {};
      default:
        return {};
    }
  }

  #entryOf({ item_id, stream_id }: Target): Entry {
    const id = `e${this.#state.revision}`;
    return fakeEntry(id, {
      ...(item_id === undefined ? {} : { item_id }),
      ...(stream_id === undefined ? {} : { stream_id }),
      ...(this.#view.me === undefined ? {} : { added_by: this.#view.me }),
    });
  }

  #moved(target: Target, to: number): Partial<PartyState> {
    const moved = this.#state.queue.filter((entry) => isNamed(entry, target));
    const rest = this.#state.queue.filter((entry) => !isNamed(entry, target));
    return { queue: [...rest.slice(0, to), ...moved, ...rest.slice(to)] };
  }

  #playing(entry: Entry | undefined): Partial<PartyState> {
    if (entry === undefined) return this.#withTimeline({ paused: false });
    const { queue, timeline, played } = this.#state;
    const now: PartyTimeline = {
      entry,
      ...(entry.item_id === undefined ? {} : { item_id: entry.item_id }),
      ...(entry.stream_id === undefined ? {} : { stream_id: entry.stream_id }),
      position_ms: 0,
      at_ms: this.#nowMs(),
      paused: false,
      round: timeline.round + 1,
    };
    return {
      timeline: now,
      queue: queue.filter(({ entry_id }) => entry_id !== entry.entry_id),
      played: timeline.entry === undefined ? played : [...played, timeline.entry],
    };
  }

  #withTimeline(change: Partial<PartyTimeline>): Partial<PartyState> {
    const { timeline } = this.#state;
    const position_ms = Math.round(this.positionMs() ?? 0);
    return { timeline: { ...timeline, position_ms, at_ms: this.#nowMs(), ...change } };
  }

  #voted(target: Target): Partial<PartyState> {
    const { round, queue } = this.#state;
    const entry = queue.find((known) => isNamed(known, target));
    if (round === undefined || entry === undefined) throw new CallError('unknown_entry', 'no such entry');
    const before = this.#view.vote;
    const counts = new Map(round.votes.map((votes) => [votes.entry_id, votes]));
    const add = (id: string, by: number): void => {
      const votes: Votes = counts.get(id) ?? { entry_id: id, count: 0 };
      counts.set(id, { ...votes, count: votes.count + by });
    };
    if (before !== undefined) add(before, -1);
    add(entry.entry_id, 1);
    this.show({ vote: entry.entry_id });
    return { round: { ...round, votes: [...counts.values()] } };
  }

  #said(text: string): Partial<PartyState> {
    const { chat, members, revision } = this.#state;
    const me = this.#view.me ?? '';
    const name = members.find(({ member_id }) => member_id === me)?.name ?? '';
    return {
      chat: [...chat, { message_id: `c${revision}`, member_id: me, name, text, at_ms: this.#nowMs() }],
    };
  }

  #withMember(id: string | undefined, change: Partial<Member>): Partial<PartyState> {
    return {
      members: this.#state.members.map((member) => (member.member_id === id ? { ...member, ...change } : member)),
    };
  }
}

function isNamed(entry: Entry, { entry_id, item_id, stream_id }: Target): boolean {
  if (entry_id !== undefined) return entry.entry_id === entry_id;
  if (item_id !== undefined) return entry.item_id === item_id;
  return stream_id !== undefined && entry.stream_id === stream_id;
}
