// One viewer of one stream: connects a session to a player, and restarts what breaks. It leaves the node while its data
// is not needed: some seconds into a pause, in a frozen page, in a browser that cannot play the stream. No DOM: events
// of the page come in as calls.

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

/** A shorter wait shows no spinner; a still screen may cause one. */
const SPINNER_AFTER_MS = 1_200;
/** After a longer pause the node is left, because it would send data that is not shown. */
const LEAVE_AFTER_MS = 10_000;
/** How many media sources in a row may break before they played for `withinMs`. */
const BREAKS = { most: 3, withinMs: 20_000 };

/** The displayed state of a viewing. */
export interface Shown {
  situation: WatchPhase;
  /** Whether the first picture was shown, or the first sound played. */
  started: boolean;
  /** Whether playback has been out of media for a while. */
  waiting: boolean;
  paused: boolean;
  muted: boolean;
  /** 0 to 1. */
  volume: number;
  /** Muted because the browser allows no sound before a gesture. */
  silenced: boolean;
  /** Whether the passphrase was wrong. */
  refused: boolean;
  /** Names of the codecs that this browser cannot play. */
  codec: string;
  form: Form;
}

/** Figures of a viewing; undefined if unknown. */
export interface Figures extends PlaybackStats {
  /** Public URL of the current node. */
  node: string | undefined;
  /** The transport of the media. */
  transport: TransportName | undefined;
  /** Time from opening to the first picture. */
  joinMs: number | undefined;
  /** The last error. */
  problem: CallError['code'] | undefined;
  /** Which of several causes the error had. */
  reason: string | undefined;
  /** Seconds until the next try. */
  retryInS: number | undefined;
  /** Seconds until the stream ends unless its broadcaster returns. */
  endsInS: number | undefined;
}

/** Dependencies and callbacks of a viewing. */
export interface ViewingSetup extends Pick<
  WatchSetup,
  'streamId' | 'connect' | 'passphrase' | 'invitation' | 'region' | 'formats'
> {
  /** The form in which the stream probably plays; undefined if the browser can play none. */
  form: Form | undefined;
  createPlayback: CreatePlayback;
  clock: ServerClock;
  askForNodes: (ask: AskForNodes) => Promise<Assignment>;
  renewGrant: (grant: string) => Promise<RenewedGrant>;
  describe: () => Promise<StreamInfo>;
  /** Whether the page is hidden. */
  hidden: () => boolean;
  /** Whether the page has just not been running: it was frozen, or the computer slept. */
  didNotRun: () => boolean;
}

/** Callbacks of a viewing. */
export interface ViewingOwner {
  show(change: Partial<Shown>): void;
  stateChanged(state: WatchState): void;
  started(): void;
}

/** Joins, plays and leaves one stream. */
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

  /** Undefined before opening and after closing. */
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

  /** Plays with sound if the browser allows it, else without. */
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
      // Refused even without sound: the person must start it. Nothing ever played, so no pause is reported.
      await player.play().catch(() => this.#owner.show({ paused: true }));
    }
  }

  /** Applies that the person plays or pauses. */
  setPlaying(plays: boolean): void {
    this.#intent.asked(plays);
    if (plays) void this.play();
    else this.#player?.pause();
  }

  /** Goes to the live edge. */
  goLive(): void {
    if (this.isPaused) this.setPlaying(true);
    else this.#player?.jumpToLive();
  }

  /** Sets the volume. Zero mutes, and keeps the previous volume for unmuting. */
  setVolume(volume: number, audible = volume > 0): void {
    if (this.#player === undefined) return;
    this.#player.muted = !audible;
    if (audible) this.#player.volume = volume;
  }

  /** The network is back. */
  hurry(): void {
    this.#session?.hurry();
  }

  /** The page runs again, or is visible again. */
  returned(): void {
    this.#intent.woke(localNowMs());
    this.#session?.look();
    if (this.#setup.hidden()) return;
    if (!this.isPaused) this.#player?.jumpToLive();
    this.#goOn();
  }

  /** Leaves the node; the last picture stays. Resuming joins again. */
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

  /** Joins again at the live edge, if the node was left. */
  #rejoin(): void {
    if (this.#session !== undefined || this.#player === undefined || this.#situation === 'unsupported') return;
    this.#player.startAfresh();
    this.#join(this.#player);
  }

  /** Schedules leaving if the person pauses a live stream. */
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

  /** Resumes after the browser, but not the person, paused or left. */
  #goOn(): void {
    if (!this.#intent.plays) return;
    if (this.#hasStarted && this.#player?.isPaused === true) void this.play();
    else this.#rejoin();
  }
}

function secondsUntil(atMs: number | undefined): number | undefined {
  // Rounds first, so that a rounding error of a fraction of a millisecond does not add a second.
  return atMs === undefined ? undefined : Math.ceil(Math.max(0, Math.round(atMs - localNowMs())) / 1000);
}
