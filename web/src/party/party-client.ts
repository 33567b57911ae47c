// A member's party over the network: its events, its calls, the server's clock, and playback. No DOM but the elements
// of the stage.

import { backOffMs } from '../api/back-off';
import { MainServer } from '../api/client';
import { pageSight } from '../browser/sight';
import { site } from '../browser/site';
import { siteMemory, type Memory } from '../browser/storage';
import { canPlayType } from '../watch/playback/mse/media-source';
import { Library } from '../library/api';
import { asCallError, type CallError } from '../protocol/error';
import type {
  EndReason,
  Entry,
  Member,
  Membership,
  PartyAction,
  PartyCommand,
  PartyId,
  PartyState,
  PartyTimeline,
} from '../protocol/party';
import { localNowMs } from '../transport/clock';
import { Parties } from './api';
import { PartyClock } from './clock';
import { PartyEvents } from './events';
import { forgetMembership, formerToken, keepMembership, keepVote, membershipOf, voteOf } from './memberships';
import { elementSound } from './player/element-sound';
import { ItemDeck } from './player/item-deck';
import { LiveDeck } from './player/live-deck';
import { PartyPlayer, type CreateDeck } from './player/party-player';
import { SongDeck } from './player/song-deck';
import { PartySound } from './player/sound';
import { MOST_TRIM_MS, type PartySession, type PartyStage, type PlaybackView, type SessionView } from './session';
import { Redraw } from './redraw';
import { applyChanged, applyChat, applyPresence, type PartyEvent } from './state';
import { isSameEntry, positionAt } from './timeline';
import { WorkerTimers, type Timers } from './timers';

/** Interval of reports of this member's sync error. */
const REPORT_MS = 5_000;
/** Poll interval of onlookers. */
const LOOK_MS = 5_000;
/** How long an idempotent command is repeated. */
const SENT_FOR_MS = 15_000;
/** A server that does not know the member may only lag behind: it must repeat that after this time. */
const CONFIRMED_MS = 3_000;
const RETRY = { firstMs: 300, longestMs: 3_000 };
const TRIM = 'undead.party-trim-ms';

const NOTHING: PlaybackView = {
  phase: 'idle',
  entryId: undefined,
  isLive: false,
  errorMs: undefined,
  problem: undefined,
  wave: undefined,
  hasVocals: false,
};

/** Dependencies of a client; a test passes its own. */
export interface ClientSetup {
  parties: Parties;
  server: Pick<MainServer, 'renewGrant' | 'stream'>;
  memory: Memory;
  timers: Timers;
  now: () => number;
  sound: PartySound;
  library: Pick<Library, 'item' | 'play'>;
  /** Reports changes of the network and the page until the returned function is called. */
  network: (listener: NetworkListener) => () => void;
}

/** Events that affect whether the connection is alive. */
export interface NetworkListener {
  /** The network is back, or another one. */
  changed: () => void;
  /** The page is visible again. */
  seen: () => void;
}

/** A {@link PartySession} over the network. */
export class PartyClient implements PartySession {
  readonly #id: PartyId;
  readonly #setup: ClientSetup;
  readonly #clock: PartyClock;
  readonly #forgetNetwork: () => void;
  readonly #listeners = new Set<(view: SessionView) => void>();
  #view: SessionView = {
    phase: 'opening',
    state: undefined,
    me: undefined,
    isConnected: false,
    reports: new Map(),
    vote: undefined,
    ended: undefined,
    problem: undefined,
    playback: NOTHING,
  };
  #membership: Membership | undefined;
  #events: PartyEvents | undefined;
  #player: PartyPlayer<HTMLVideoElement> | undefined;
  #surface: HTMLVideoElement | 'canvas' | undefined;
  #stage: PartyStage | undefined;
  #isBuffering = false;
  #muted = false;
  #volume = 1;
  #vocals = 1;
  #trimMs: number;
  #cancelReport: (() => void) | undefined;
  #cancelLook: (() => void) | undefined;
  /** Since when the server reports that it does not know the member. */
  #unknownSinceMs: number | undefined;
  /** Number of polling loops started; only the newest continues. */
  #looks = 0;
  /** Identifies a call to join until it is answered, so that the server recognises a repetition. */
  #joining: string | undefined;
  /** The newest known revision. */
  #revision = 0;
  /** Whether the last snapshot was older than `#revision`. */
  #isBehind = false;
  readonly #redraw = new Redraw();
  #isClosed = false;

  constructor(id: PartyId, setup: Partial<ClientSetup> = {}) {
    this.#id = id;
    const ownTimers = setup.timers ?? new WorkerTimers();
    this.#setup = {
      parties: setup.parties ?? new Parties(),
      server: setup.server ?? new MainServer(),
      memory: setup.memory ?? siteMemory,
      timers: ownTimers,
      sound: setup.sound ?? new PartySound({ timers: ownTimers }),
      library: setup.library ?? new Library(),
      now: setup.now ?? localNowMs,
      network: setup.network ?? pageNetwork,
    };
    this.#trimMs = withinTrim(Number(this.#setup.memory.getItem(TRIM) ?? '0'));
    const { timers, now, parties } = this.#setup;
    this.#clock = new PartyClock({
      ask: (t0_ms, signal) => parties.clock(t0_ms, signal),
      timers,
      now,
      slept: () => this.#events?.reconnect(),
    });
    this.#forgetNetwork = this.#setup.network({
      changed: () => this.#events?.reconnect(),
      seen: () => this.#events?.hurry(),
    });
  }

  get view(): SessionView {
    return this.#view;
  }

  get token(): string | undefined {
    return this.#membership?.token;
  }

  onChange(listener: (view: SessionView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  open(): void {
    this.#clock.open();
    this.#cancelLook?.();
    const kept = membershipOf(this.#id, this.#setup.memory);
    if (kept === undefined) void this.#look();
    else this.#become(kept);
  }

  async join(name: string, invitation?: string): Promise<void> {
    this.#joining ??= formerToken(this.#id, this.#setup.memory) ?? newToken();
    const body = { name, ...(invitation === undefined ? {} : { invitation }), token: this.#joining };
    const membership = await this.#setup.parties.join(this.#id, body);
    this.#joining = undefined;
    keepMembership(this.#id, membership, this.#setup.memory);
    this.#become(membership);
  }

  async leave(): Promise<void> {
    const token = this.token;
    this.#end('left');
    if (token !== undefined) await this.#setup.parties.leave(this.#id, token).catch(() => undefined);
  }

  async command(action: PartyAction, ifRevision?: number): Promise<void> {
    const isKnownAgain = action.command === 'queue' || action.command === 'chat';
    const body: PartyCommand = {
      ...action,
      ...(ifRevision === undefined ? {} : { if_revision: ifRevision }),
      ...(isKnownAgain ? { request_id: requestId() } : {}),
    };
    const { timers, now } = this.#setup;
    const sentIn = this.#view.state;
    const giveUpMs = now() + SENT_FOR_MS;
    for (let tries = 1; ; tries++) {
      try {
        await this.#setup.parties.command(this.#id, this.token ?? '', body);
        break;
      } catch (problem) {
        const error = asCallError(problem);
        const pauseMs = backOffMs(RETRY, tries, error);
        if (!isKnownAgain || !error.mayPass || now() + pauseMs > giveUpMs) throw error;
        await new Promise<void>((resolve) => timers.after(pauseMs, resolve));
      }
    }
    if (action.command === 'vote') this.#voted(sentIn, action.entry_id, action.item_id, action.stream_id);
  }

  attach(stage: PartyStage): void {
    // Another page of the same party with its own elements: playback in the old ones ends.
    if (this.#stage !== stage) this.#endPlayer();
    this.#stage = stage;
    this.#applySound();
    this.#startPlayer();
  }

  unlock(): void {
    this.#setup.sound.unlock();
    this.#player?.unlock();
  }

  serverNowMs(): number | undefined {
    return this.#clock.serverMs();
  }

  positionMs(): number | undefined {
    const timeline = this.#heardTimeline;
    const serverMs = this.serverNowMs();
    if (timeline?.entry === undefined) return undefined;
    if (timeline.stream_id !== undefined) return timeline.position_ms;
    return serverMs === undefined ? undefined : positionAt(timeline, serverMs);
  }

  get muted(): boolean {
    return this.#muted;
  }

  set muted(muted: boolean) {
    this.#muted = muted;
    this.#applySound();
  }

  get volume(): number {
    return this.#volume;
  }

  set volume(volume: number) {
    this.#volume = volume;
    this.#applySound();
  }

  get vocals(): number {
    return this.#vocals;
  }

  set vocals(share: number) {
    this.#vocals = share;
    this.#player?.setVocals(share);
  }

  get trimMs(): number {
    return this.#trimMs;
  }

  set trimMs(ms: number) {
    this.#trimMs = withinTrim(ms);
    this.#setup.memory.setItem(TRIM, String(this.#trimMs));
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
    this.#forgetNetwork();
    this.#clock.close();
    this.#setup.sound.close();
    this.#setup.timers.close();
    this.#listeners.clear();
  }

  /** The timeline of the audible entry: while the next one is announced, that is the previous one. */
  get #heardTimeline(): PartyTimeline | undefined {
    const newest = this.#view.state?.timeline;
    const heard = this.#player?.timeline;
    return heard === undefined || newest === undefined || isSameEntry(heard, newest) ? newest : heard;
  }

  #show(change: Partial<SessionView>): void {
    this.#view = { ...this.#view, ...change };
    for (const listener of this.#listeners) listener(this.#view);
  }

  /** Polls the party for an onlooker. */
  async #look(): Promise<void> {
    const look = ++this.#looks;
    const isOver = (): boolean => this.#isClosed || this.#membership !== undefined || look !== this.#looks;
    try {
      const state = await this.#setup.parties.state(this.#id);
      if (isOver()) return;
      this.#show({ phase: 'onlooker', state, isConnected: true, problem: undefined });
    } catch (problem) {
      if (isOver()) return;
      const error = asCallError(problem);
      if (!error.mayPass) {
        this.#show({ phase: 'refused', problem: error });
        return;
      }
      this.#show({ isConnected: false, problem: error });
    }
    this.#cancelLook = this.#setup.timers.after(LOOK_MS, () => void this.#look());
  }

  #become(membership: Membership): void {
    this.#cancelLook?.();
    this.#events?.close();
    this.#membership = membership;
    this.#unknownSinceMs = undefined;
    this.#revision = 0;
    this.#show({ phase: 'member', me: membership.member_id, ended: undefined, problem: undefined });
    const { parties, timers } = this.#setup;
    this.#events = new PartyEvents({
      events: (signal) => parties.events(this.#id, membership.token, signal),
      timers,
      heard: (event) => this.#hear(event),
      connected: (isConnected, problem) => {
        if (this.#isOver(isConnected, problem)) this.#forget(membership, problem);
        else this.#show({ isConnected, problem });
      },
    });
    this.#events.open();
    this.#startPlayer();
    this.#report();
  }

  /** Whether the membership or the party has ended. Other failures and limits do not prove that. */
  #isOver(isConnected: boolean, problem: CallError | undefined): boolean {
    if (isConnected) this.#unknownSinceMs = undefined;
    if (problem === undefined || !['unknown_member', 'unknown_party'].includes(problem.code)) return false;
    const nowMs = this.#setup.now();
    this.#unknownSinceMs ??= nowMs;
    return nowMs - this.#unknownSinceMs >= CONFIRMED_MS;
  }

  /** Handles that this browser's membership is gone, or was replaced by another one. */
  #forget(over: Membership, problem: CallError | undefined): void {
    forgetMembership(this.#id, over, this.#setup.memory);
    const other = membershipOf(this.#id, this.#setup.memory);
    if (other !== undefined) {
      this.#become(other);
      return;
    }
    const { state } = this.#view;
    // Private parties give this answer to all non-members, too.
    if (problem?.code === 'unknown_party' && state !== undefined && state.access !== 'private') {
      this.#end('ended');
      return;
    }
    this.#stop();
    this.#membership = undefined;
    this.#show({ phase: 'opening', me: undefined, isConnected: false, playback: NOTHING, vote: undefined });
    void this.#look();
  }

  /**
   * Handles that the server ended the membership. If a tab left and joined again, this tab continues with the new
   * membership.
   */
  #over(reason: EndReason): void {
    const other = membershipOf(this.#id, this.#setup.memory);
    if (reason === 'left' && other !== undefined && other.member_id !== this.#membership?.member_id)
      this.#become(other);
    else this.#end(reason);
  }

  #end(ended: EndReason): void {
    this.#stop();
    if (this.#membership !== undefined) forgetMembership(this.#id, this.#membership, this.#setup.memory);
    this.#membership = undefined;
    this.#show({ phase: 'ended', ended, me: undefined, isConnected: false, playback: NOTHING });
  }

  #stop(): void {
    this.#cancelLook?.();
    this.#cancelReport?.();
    this.#events?.close();
    this.#events = undefined;
    this.#endPlayer();
    this.#stage = undefined;
  }

  #endPlayer(): void {
    this.#player?.close();
    this.#player = undefined;
    if (this.#surface !== undefined) this.#showSurface(undefined);
  }

  #hear(event: PartyEvent): void {
    const { state, reports } = this.#view;
    if (event.type === 'snapshot') this.#begin(event.data);
    else if (event.type === 'presence') this.#show({ reports: applyPresence(reports, event.data, state) });
    else if (event.type === 'ended') this.#over(event.data.reason);
    else if (state === undefined) return;
    else if (event.type === 'changed') this.#learn(applyChanged(state, event.data));
    else this.#show({ state: applyChat(state, event.data) });
  }

  /**
   * Handles the snapshot of a new connection. Its server may lag behind the previous one: an older snapshot would move
   * playback back, so it is ignored. A second older one in a row proves that the server has nothing newer.
   */
  #begin(snapshot: PartyState): void {
    const other = membershipOf(this.#id, this.#setup.memory);
    const isMember = ({ member_id }: Member): boolean => member_id === other?.member_id;
    // Another tab left and joined again with the same token while this one was not connected.
    if (other !== undefined && other.member_id !== this.view.me && snapshot.members.some(isMember)) {
      this.#become(other);
      return;
    }
    this.#isBehind = snapshot.revision < this.#revision && !this.#isBehind;
    if (!this.#isBehind) this.#learn(snapshot);
  }

  #learn(state: PartyState): void {
    this.#revision = state.revision;
    this.#show({ state, vote: this.#voteIn(state) });
    this.#player?.learn(state.timeline);
  }

  /**
   * The entry that this member voted for, even after a reload. This browser's newest vote may be ahead of the state.
   */
  #voteIn({ round }: PartyState): string | undefined {
    const { me } = this.#view;
    if (round === undefined || me === undefined) return undefined;
    const shown = round.votes.find(({ members }) => members?.includes(me) === true);
    return voteOf(this.#id, me, round.round, this.#setup.memory) ?? shown?.entry_id;
  }

  /** Stores a vote for the round that was open when it was sent. */
  #voted(sentIn: PartyState | undefined, ...names: (string | undefined)[]): void {
    const { state, me } = this.#view;
    const entry = sentIn?.queue.find(({ entry_id, item_id, stream_id }) =>
      [entry_id, item_id, stream_id].some((name) => name !== undefined && names.includes(name)),
    );
    if (sentIn?.round === undefined || entry === undefined || me === undefined) return;
    const vote = { member_id: me, round: sentIn.round.round, entry_id: entry.entry_id };
    keepVote(this.#id, vote, this.#setup.memory);
    if (state !== undefined) this.#show({ vote: this.#voteIn(state) });
  }

  #startPlayer(): void {
    const stage = this.#stage;
    if (stage === undefined || this.#membership === undefined || this.#player !== undefined) return;
    const { timers, now } = this.#setup;
    this.#player = new PartyPlayer({
      media: stage.videos,
      clock: this.#clock,
      timers,
      now,
      createDeck: this.#createDeck,
      trimMs: () => this.trimMs,
      changed: (isNew) => this.#playbackChanged(isNew),
    });
    this.#player.setVocals(this.#vocals);
    const timeline = this.#view.state?.timeline;
    if (timeline !== undefined) this.#player.learn(timeline);
  }

  readonly #createDeck: CreateDeck<HTMLVideoElement> = (make) => {
    const { parties, server, timers, now } = this.#setup;
    const { entry } = make;
    // Read late, because the membership may change before the call.
    const token = (): string => this.token ?? '';
    if (this.#stage !== undefined && entry.stream_id !== undefined)
      return new LiveDeck(
        {
          media: make.media,
          changed: make.changed,
          live: this.#stage.live,
          clock: this.#clock,
          server,
          playStream: ({ entry_id }, ask) => parties.playStream(this.#id, token(), { entry_id, ...ask }),
          trimMs: () => this.trimMs,
          hidden: () => !pageSight.visible,
        },
        entry,
        make.timeline,
      );
    const reading = {
      clock: this.#clock,
      timers,
      trimMs: () => this.trimMs,
      playItem: ({ entry_id }: Entry) => parties.playItem(this.#id, token(), { entry_id }),
      fetch: (input: RequestInfo | URL, init?: RequestInit) => fetch(input, init),
      origin: location.origin,
      base: location.origin + site(''),
      changed: make.changed,
    };
    if (entry.is_video !== true && !make.needsElement)
      return new SongDeck({ ...reading, sound: this.#setup.sound, library: this.#setup.library }, entry, make.timeline);
    const { timeline, positionMs } = make;
    const own = { now, canPlay: canPlayType, elementSound: elementSound() };
    return new ItemDeck({ ...make, ...reading, ...own }, entry, timeline, positionMs);
  };

  /** Called many times a second, although the displayed state changes seldom. */
  #playbackChanged(isNew: boolean): void {
    const player = this.#player;
    if (player === undefined) return;
    const { isBuffering, ...playback } = player.view;
    if (player.surface !== this.#surface) this.#showSurface(player.surface);
    const isDue = this.#redraw.isDue(this.#view.playback, playback, this.#setup.now());
    if (isNew || isDue) this.#show({ playback });
    if (isBuffering !== this.#isBuffering) {
      this.#isBuffering = isBuffering;
      this.#report();
    }
  }

  #showSurface(surface: HTMLVideoElement | 'canvas' | undefined): void {
    this.#surface = surface;
    this.#stage?.show(surface === 'canvas' ? this.#stage.canvas : surface);
  }

  /** Reports this member's sync error, now and every few seconds. */
  #report(): void {
    this.#cancelReport?.();
    const token = this.token;
    if (token === undefined || this.#isClosed) return;
    const errorMs = this.#view.playback.errorMs;
    const body = {
      ...(errorMs === undefined ? {} : { error_ms: Math.round(errorMs * 10) / 10 }),
      ...(this.#isBuffering ? { is_buffering: true } : {}),
    };
    // A lost report does not matter, because the next one follows soon.
    this.#setup.parties.report(this.#id, token, body).catch(() => undefined);
    this.#cancelReport = this.#setup.timers.after(REPORT_MS, () => this.#report());
  }

  #applySound(): void {
    for (const video of this.#stage?.videos ?? []) {
      video.muted = this.#muted;
      video.volume = this.#volume;
    }
    this.#setup.sound.setVolume(this.#muted ? 0 : this.#volume);
    this.#player?.soundChanged();
  }
}

function pageNetwork({ changed, seen }: NetworkListener): () => void {
  addEventListener('online', changed);
  const forget = pageSight.onChange(() => {
    if (pageSight.visible) seen();
  });
  return () => {
    removeEventListener('online', changed);
    forget();
  };
}

/** Random hex digits. `crypto.randomUUID` exists only in secure contexts, but a party may run over plain HTTP. */
function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function requestId(): string {
  return randomHex(16);
}

function newToken(): string {
  return `up_${randomHex(24)}`;
}

function withinTrim(ms: number): number {
  return Number.isFinite(ms) ? Math.round(Math.min(MOST_TRIM_MS, Math.max(-MOST_TRIM_MS, ms))) : 0;
}
