// One viewer of one stream: joins a session to a player, and starts over what breaks. It leaves the node while nothing is taken
// from it: some seconds into a pause, in a frozen page, in a browser that cannot play the stream. No DOM: what the page does
// comes in as calls.

import type { CallError } from '../protocol/error';
import type { AskForNodes, Assignment, RenewedGrant, StreamInfo } from '../protocol/stream';
import { localNowMs, type ServerClock } from '../transport/clock';
import type { TransportName } from '../transport/connection';
import { codecNames } from './mime';
import type { PlaybackStats } from './playback/playback';
import { Player, type CreatePlayback, type Form } from './playback/player';
import { PlayIntent } from './play-intent';
import { WatchSession } from './session/session';
import type { WatchSetup } from './session/setup';
import { isFinal, type WatchPhase, type WatchState } from './session/state';

/** Running dry for less than this is not worth a spinner; a still screen may do it once. */
const SPINNER_AFTER_MS = 1_200;
/** A pause longer than this leaves the node: it would send what is not shown. */
const LEAVE_AFTER_MS = 10_000;
/** Media sources that may break in a row, each before it played for this long. */
const BREAKS = { most: 3, withinMs: 20_000 };

/** What a viewer sees of it. */
export interface Shown {
  situation: WatchPhase;
  /** The first picture, or sound, was there. */
  started: boolean;
  /** Playback has been out of media for a while. */
  waiting: boolean;
  paused: boolean;
  muted: boolean;
  /** 0 to 1. */
  volume: number;
  /** Muted because the browser lets nothing sound before a gesture. */
  silenced: boolean;
  /** The passphrase was wrong. */
  refused: boolean;
  /** Names of the codecs that this browser cannot play. */
  codec: string;
  form: Form;
}

/** Figures of a viewing; what is not known is undefined. */
export interface Figures extends PlaybackStats {
  /** Public URL of the node in use. */
  node: string | undefined;
  /** What carries the media from there. */
  transport: TransportName | undefined;
  /** From opening to the first picture. */
  joinMs: number | undefined;
  /** What went wrong last. */
  problem: CallError['code'] | undefined;
  /** Which of several causes that had. */
  reason: string | undefined;
  /** Seconds until the next try. */
  retryInS: number | undefined;
  /** Seconds until the stream ends unless its broadcaster returns. */
  endsInS: number | undefined;
}

/** What a viewing works with. */
export interface ViewingSetup extends Pick<
  WatchSetup,
  'streamId' | 'connect' | 'passphrase' | 'invitation' | 'region' | 'formats'
> {
  /** The form in which the stream probably plays; undefined where the browser can play none. */
  form: Form | undefined;
  createPlayback: CreatePlayback;
  clock: ServerClock;
  askForNodes: (ask: AskForNodes) => Promise<Assignment>;
  renewGrant: (grant: string) => Promise<RenewedGrant>;
  describe: () => Promise<StreamInfo>;
  /** Whether the page is out of sight. */
  hidden: () => boolean;
  /** Whether the page did not run just now: it was frozen, or the computer slept. */
  didNotRun: () => boolean;
}

/** What a viewing tells. */
export interface ViewingOwner {
  show(change: Partial<Shown>): void;
  stateChanged(state: WatchState): void;
  started(): void;
}

/** See the head of the file. */
export class Viewing {
  readonly #setup: ViewingSetup;
  readonly #owner: ViewingOwner;
  readonly #intent = new PlayIntent();
  readonly #openedAtMs = localNowMs();
  #player: Player | undefined;
  #session: WatchSession | undefined;
  #situation: WatchPhase = 'connecting';
  #hasStarted = false;
  #joinMs: number | undefined;
  #leaveTimer: ReturnType<typeof setTimeout> | undefined;
  #spinnerTimer: ReturnType<typeof setTimeout> | undefined;
  #breaksAtMs: number[] = [];

  constructor(setup: ViewingSetup, owner: ViewingOwner) {
    this.#setup = setup;
    this.#owner = owner;
  }

  /** Joins and plays. */
  open(): void {
    const { form, createPlayback } = this.#setup;
    this.#owner.show({ started: false, waiting: false, refused: false });
    this.#become(form === undefined ? 'unsupported' : 'connecting');
    if (form === undefined) return;
    this.#owner.show({ form });
    this.#player = new Player(form, createPlayback, {
      started: () => this.#starts(),
      waiting: (waits) => this.#waits(waits),
      restarted: () => this.#mediaBroke(),
      cannotPlay: (mime) => this.#cannotPlay(mime),
      doubtsClock: () => this.#session?.lookAtClock(),
      played: () => this.#hasPlayed(),
      paused: () => this.#hasPaused(),
      soundChanged: () => this.#controlsChanged(),
      formChanged: (changed) => this.#formChanged(changed),
    });
    this.#join(this.#player);
    void this.play();
  }

  close(): void {
    clearTimeout(this.#spinnerTimer);
    clearTimeout(this.#leaveTimer);
    this.#leaveTimer = undefined;
    this.#session?.close();
    this.#player?.close();
    this.#session = undefined;
    this.#player = undefined;
  }

  /** Undefined before it is open and after it is closed. */
  get figures(): Figures | undefined {
    if (this.#player === undefined) return undefined;
    const { node, transport, problem, retryAtMs, endsAtMs } = this.#session?.state ?? {};
    return {
      ...this.#player.stats,
      node,
      transport,
      joinMs: this.#joinMs,
      problem: problem?.code,
      reason: problem?.reason,
      retryInS: secondsUntil(retryAtMs),
      endsInS: secondsUntil(endsAtMs),
    };
  }

  get isPaused(): boolean {
    return this.#player?.isPaused ?? true;
  }

  get muted(): boolean {
    return this.#player?.muted ?? false;
  }

  get volume(): number {
    return this.#player?.volume ?? 1;
  }

  /** Plays with sound where the browser allows it, else without. */
  async play(): Promise<void> {
    const player = this.#player;
    if (player === undefined) return;
    this.#rejoin();
    try {
      await player.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError' || player.muted) return;
      player.muted = true;
      this.#owner.show({ silenced: true });
      // Refused even without sound: the person has to ask for it. Nothing ever played, so no pause is told.
      await player.play().catch(() => this.#owner.show({ paused: true }));
    }
  }

  /** The person plays or pauses. */
  setPlaying(plays: boolean): void {
    this.#intent.asked(plays);
    if (plays) void this.play();
    else this.#player?.pause();
  }

  /** Goes on at the live edge. */
  goLive(): void {
    if (this.isPaused) this.setPlaying(true);
    else this.#player?.jumpToLive();
  }

  /** Zero mutes and leaves the volume for the way back. */
  setVolume(volume: number, audible = volume > 0): void {
    if (this.#player === undefined) return;
    this.#player.muted = !audible;
    if (audible) this.#player.volume = volume;
  }

  /** The network is back. */
  hurry(): void {
    this.#session?.hurry();
  }

  /** The page runs again, or is seen again. */
  returned(): void {
    this.#intent.woke(localNowMs());
    this.#session?.look();
    if (this.#setup.hidden()) return;
    if (!this.isPaused) this.#player?.jumpToLive();
    this.#goOn();
  }

  /** Leaves the node; the last picture stays. Playing on joins anew. */
  leave(): void {
    clearTimeout(this.#leaveTimer);
    this.#leaveTimer = undefined;
    const session = this.#session;
    if (session === undefined || isFinal(session.state.phase)) return;
    session.close();
    this.#session = undefined;
    if (this.#player) this.#player.live = false;
    this.#owner.stateChanged({ ...session.state, viewers: undefined, node: undefined, transport: undefined });
  }

  #join(player: Player): void {
    const { streamId, connect, clock, askForNodes, renewGrant, describe, hidden } = this.#setup;
    const { passphrase, invitation, region, formats } = this.#setup;
    this.#become('connecting');
    this.#session = new WatchSession({
      streamId,
      connect,
      clock,
      askForNodes,
      renewGrant,
      describe,
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(invitation === undefined ? {} : { invitation }),
      ...(region === undefined ? {} : { region }),
      ...(formats === undefined ? {} : { formats }),
      onState: (state) => this.#sessionChanged(state),
      onData: (data) => player.push(data),
      onBacklog: () => player.expectBacklog(),
      onFreshStart: () => player.startAfresh(),
      hidden,
    });
  }

  /** Joins anew where the node was left, at the live edge. */
  #rejoin(): void {
    if (this.#session !== undefined || this.#player === undefined || this.#situation === 'unsupported') return;
    this.#player.startAfresh();
    this.#join(this.#player);
  }

  /** Leaves in a while if the person pauses what is live. */
  #leaveWhenPaused(): void {
    const idle = this.#player?.isPaused === true && this.#situation === 'live' && this.#session !== undefined;
    if (!idle) clearTimeout(this.#leaveTimer);
    if (idle && this.#leaveTimer !== undefined) return;
    this.#leaveTimer = idle ? setTimeout(() => this.leave(), LEAVE_AFTER_MS) : undefined;
  }

  #become(situation: WatchPhase): void {
    this.#situation = situation;
    this.#owner.show({ situation });
  }

  #sessionChanged(state: WatchState): void {
    if (this.#situation !== 'unsupported' && this.#situation !== 'failed') this.#become(state.phase);
    this.#owner.show({ refused: state.phase === 'locked' && this.#setup.passphrase !== undefined });
    if (this.#player) this.#player.live = state.phase === 'live';
    this.#leaveWhenPaused();
    this.#owner.stateChanged(state);
  }

  #starts(): void {
    this.#hasStarted = true;
    this.#joinMs ??= localNowMs() - this.#openedAtMs;
    this.#owner.show({ started: true });
    this.#owner.started();
  }

  #waits(waits: boolean): void {
    clearTimeout(this.#spinnerTimer);
    if (waits) this.#spinnerTimer = setTimeout(() => this.#owner.show({ waiting: true }), SPINNER_AFTER_MS);
    else this.#owner.show({ waiting: false });
  }

  #mediaBroke(): void {
    const now = localNowMs();
    this.#breaksAtMs = [...this.#breaksAtMs.filter((at) => at > now - BREAKS.withinMs), now];
    if (this.#breaksAtMs.length <= BREAKS.most) this.#session?.rejoin();
    else {
      this.#become('failed');
      this.close();
    }
  }

  #cannotPlay(mime: string): void {
    this.#owner.show({ codec: codecNames(mime) });
    this.#become('unsupported');
    this.leave();
  }

  #hasPlayed(): void {
    this.#intent.played();
    this.#rejoin();
    this.#leaveWhenPaused();
    this.#controlsChanged();
  }

  #hasPaused(): void {
    if (this.#setup.didNotRun()) this.#intent.woke(localNowMs());
    const isHidden = this.#setup.hidden();
    this.#intent.paused(isHidden, localNowMs());
    this.#leaveWhenPaused();
    this.#controlsChanged();
    if (!isHidden) this.#goOn();
  }

  /** The new form is paused, whatever the old one was. */
  #formChanged(form: Form): void {
    this.#owner.show({ form });
    if (this.#intent.plays) void this.play();
  }

  #controlsChanged(): void {
    const player = this.#player;
    if (player === undefined) return;
    const { isPaused: paused, muted, volume } = player;
    this.#owner.show({ paused, muted, volume, ...(muted ? {} : { silenced: false }) });
  }

  /** Plays on where the browser paused, or left, and the person did not. */
  #goOn(): void {
    if (!this.#intent.plays) return;
    if (this.#hasStarted && this.#player?.isPaused === true) void this.play();
    else this.#rejoin();
  }
}

function secondsUntil(atMs: number | undefined): number | undefined {
  // Rounded first: a fraction of a millisecond too much, from adding up, is no other second.
  return atMs === undefined ? undefined : Math.ceil(Math.max(0, Math.round(atMs - localNowMs())) / 1000);
}
