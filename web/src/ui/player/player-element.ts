// <ud-player stream-id transport? region? format? embedded?>: watches one stream. It joins a session to a player, shows what they
// tell, and does what the person asks. It leaves the node while nothing is taken from it: some seconds into a pause, in a
// frozen page, in a browser that cannot play the stream. Its `data-` attributes say the same to programs:
//
//   data-state      a WatchPhase: connecting, live, interrupted, …     data-latency-ms   measured; absent when unknown
//   data-join-ms    from opening to the first picture                 data-buffer-ms    playhead to live edge
//   data-stalls, data-jumps, data-dropped   counts since opening      data-rate, data-node, data-take, data-muted
//   data-transport  ws, socketio or polling                           data-problem      code of what went wrong last

import { LitElement, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { MainServer } from '../../api/client';
import type { CallError } from '../../protocol/error';
import { ServerClock, localNowMs } from '../../transport/clock';
import type { AskForNodes, Assignment } from '../../protocol/stream';
import { viewerTransport } from '../../transport/choice';
import { mutedIcon, playIcon } from '../icons';
import { ghostPicture } from '../shell';
import { base, buttons } from '../styles';
import type { CommandEvent, VolumeEvent } from './controls';
import './controls';
import './key-panel';
import { commandOf, lettersAreOn, type Command } from '../../watch/keys';
import { namedFormats, preferredFormats } from '../../watch/formats';
import { Player, type Form } from '../../watch/playback/player';
import { createPlaybacks, likelyForm } from './playbacks';
import { codecNames, trackKinds } from '../../watch/mime';
import type { PassphraseEvent } from './overlay';
import './overlay';
import { PictureClicks } from '../../watch/picture-clicks';
import { PlayIntent } from '../../watch/play-intent';
import { playerStyles } from './player-styles';
import { WatchSession } from '../../watch/session/session';
import type { WatchPhase, WatchState } from '../../watch/session/state';
import type { ShownStats } from './stats-panel';
import './stats-panel';

/** How often figures are refreshed. */
const REFRESH_MS = 250;
/** The controls go when the pointer rests for this long. */
const CONTROLS_REST_MS = 2_600;
/** Running dry for less than this is not worth a spinner; a still screen may do it once. */
const SPINNER_AFTER_MS = 1_200;
/** A pause longer than this leaves the node: it would send what is not shown. */
const LEAVE_AFTER_MS = 10_000;
/** A timer this late means that the page did not run: it was frozen, or the computer slept. */
const DID_NOT_RUN_MS = 3_000;
/** Media sources that may break in a row, each before it played for this long. */
const BREAKS = { most: 3, withinMs: 20_000 };

/** The session's state changed; `element.watchState` has it. */
export class WatchStateEvent extends Event {
  constructor(readonly state: WatchState) {
    super('ud-watch-state', { bubbles: true, composed: true });
  }
}

/** The main server let this viewer in. */
export class AdmittedEvent extends Event {
  constructor(readonly assignment: Assignment) {
    super('ud-admitted', { bubbles: true, composed: true });
  }
}

@customElement('ud-player')
export class PlayerElement extends LitElement {
  @property({ attribute: 'stream-id' }) streamId = '';
  /** The transport to watch over: `ws`, `socketio` or `polling`; anything else chooses what passes. */
  @property() transport: string | null = null;
  /** Where to be served from, if there is room. */
  @property() region: string | null = null;
  /** The formats to ask for, as `mp4,frames`, instead of those that this browser plays best. */
  @property() format: string | null = null;
  /** The player is all there is in a frame of another page: its links open elsewhere. */
  @property({ type: Boolean }) embedded = false;
  @state() private situation: WatchPhase = 'connecting';
  @state() private started = false;
  @state() private waiting = false;
  @state() private paused = false;
  @state() private muted = false;
  @state() private volume = 1;
  /** Muted because the browser lets nothing sound before a gesture. */
  @state() private silenced = false;
  @state() private refused = false;
  @state() private codec = '';
  @state() private problem: CallError['code'] | undefined;
  @state() private retryInS: number | undefined;
  @state() private panel: 'stats' | 'keys' | undefined;
  @state() private enlarged = false;
  @state() private active = true;
  @state() private stats: ShownStats | undefined;
  /** What the picture is in: a <video>, or a <canvas> for bare frames. */
  @state() private form: Form = 'container';
  @query('video') declare private video: HTMLVideoElement;
  @query('canvas.pictures') declare private canvas: HTMLCanvasElement;

  readonly #server = new MainServer();
  readonly #clock = new ServerClock();
  #player: Player | undefined;
  #session: WatchSession | undefined;
  #gone: AbortController | undefined;
  #passphrase: string | undefined;
  readonly #intent = new PlayIntent();
  readonly #clicks = new PictureClicks({
    playPause: () => this.#do('play_pause'),
    fullScreen: () => this.#do('full_screen'),
  });
  /** Wall clock, which goes on while the computer sleeps. */
  #ranAtMs = Date.now();
  #leaveTimer: ReturnType<typeof setTimeout> | undefined;
  #openedAtMs = 0;
  #joinMs: number | undefined;
  #restTimer: ReturnType<typeof setTimeout> | undefined;
  #spinnerTimer: ReturnType<typeof setTimeout> | undefined;
  #breaksAtMs: number[] = [];

  static override styles = [base, buttons, playerStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#gone = new AbortController();
    const { signal } = this.#gone;
    document.addEventListener('keydown', (event) => this.#key(event), { signal });
    document.addEventListener('fullscreenchange', () => this.#enlargedChanged(), { signal });
    for (const event of ['visibilitychange', 'resume']) {
      document.addEventListener(event, () => this.#returned(), { signal });
    }
    addEventListener('pageshow', ({ persisted }) => persisted && this.#returned(), { signal });
    addEventListener('online', () => this.#session?.hurry(), { signal });
    // A frozen page takes nothing: the node would wait for it, and hand it old media when it is back.
    document.addEventListener('freeze', () => this.#leave(), { signal });
    addEventListener('pagehide', ({ persisted }) => persisted && this.#leave(), { signal });
    const timer = setInterval(() => this.#tick(), REFRESH_MS);
    signal.addEventListener('abort', () => clearInterval(timer));
    this.#takeMediaKeys(signal);
    if (this.hasUpdated) this.#open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#gone?.abort();
    this.#close();
  }

  override firstUpdated(): void {
    this.#open();
  }

  override render(): TemplateResult {
    const { situation, started } = this;
    // Autoplay was refused even without sound.
    const needsTap = !started && this.paused && situation === 'live';
    const quiet = started && !this.paused && !this.active && this.panel === undefined;
    return html`<div
      class="frame ${quiet ? 'quiet' : ''} ${isBroken(situation) ? 'dimmed' : ''}"
      @pointermove=${this.#stir}
      @pointerleave=${this.#rest}
      @focusin=${this.#stir}
      @ud-command=${(event: CommandEvent) => this.#do(event.command)}
      @ud-volume=${(event: VolumeEvent) => this.#setVolume(event.volume)}
      @ud-passphrase=${(event: PassphraseEvent) => this.#unlock(event.passphrase)}
      @ud-retry=${() => this.#reopen()}
      @ud-letters=${() => this.requestUpdate()}
    >
      <canvas
        class="pictures"
        role="img"
        aria-label="Live stream"
        ?hidden=${this.form !== 'frames'}
        @click=${this.#pictureClicked}
        @dblclick=${() => this.#clicks.doubleClicked()}
      ></canvas>
      <video
        playsinline
        aria-label="Live stream"
        ?hidden=${this.form !== 'container'}
        @click=${this.#pictureClicked}
        @dblclick=${() => this.#clicks.doubleClicked()}
      ></video>
      ${
        started && this.#soundOnly
          ? html`<div class="sound-only">${ghostPicture}<span>Sound only</span></div>`
          : nothing
      }
      <ud-watch-overlay
        .situation=${situation}
        .started=${started || needsTap}
        .waiting=${this.waiting}
        .refused=${this.refused}
        .codec=${this.codec}
        .problem=${this.problem}
        .retryInS=${this.retryInS}
        .newTab=${this.embedded}
      ></ud-watch-overlay>
      ${
        this.silenced && started && this.#audible && situation === 'live'
          ? html`<button class="sound" type="button" @click=${() => this.#do('mute')}>
              ${mutedIcon} Tap for sound
            </button>`
          : nothing
      }
      ${
        needsTap
          ? html`<button class="sound" type="button" @click=${() => void this.#play()}>${playIcon} Tap to play</button>`
          : nothing
      }
      ${this.panel === 'stats' ? html`<ud-stats .stats=${this.stats}></ud-stats>` : nothing}
      ${this.panel === 'keys' ? html`<ud-key-panel></ud-key-panel>` : nothing}
      ${started && !isFinal(situation) ? this.#controls() : nothing}
    </div>`;
  }

  #controls(): TemplateResult {
    return html`<ud-controls
      .paused=${this.paused}
      .live=${!this.paused && this.situation === 'live'}
      .muted=${this.muted}
      .volume=${this.volume}
      .audible=${this.#audible}
      .enlarged=${this.enlarged}
      .canEnlarge=${canEnlarge(this.form === 'container' ? this.video : undefined)}
      .panel=${this.panel}
      .letters=${lettersAreOn()}
      .canFloat=${this.#canFloat}
      .latencyMs=${this.stats?.latencyMs}
    ></ud-controls>`;
  }

  /** A canvas has no picture in picture. */
  get #canFloat(): boolean {
    return this.form === 'container' && document.pictureInPictureEnabled && (this.stats?.width ?? 0) > 0;
  }

  get #soundOnly(): boolean {
    const mime = this.stats?.mime;
    return this.situation === 'live' && mime !== undefined && !trackKinds(mime).video;
  }

  get #audible(): boolean {
    const mime = this.stats?.mime;
    return mime === undefined || trackKinds(mime).audio;
  }

  #open(): void {
    this.#openedAtMs = localNowMs();
    const form = likelyForm();
    if (form === undefined) {
      this.situation = 'unsupported';
      return;
    }
    this.form = form;
    this.#player = new Player(form, createPlaybacks(this.video, this.canvas, this.#clock), {
      started: () => this.#hasStarted(),
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
    void this.#play();
  }

  #join(player: Player): void {
    const passphrase = this.#passphrase;
    this.situation = 'connecting';
    this.#session = new WatchSession({
      streamId: this.streamId,
      connect: viewerTransport(this.transport),
      clock: this.#clock,
      askForNodes: (ask) => this.#askForNodes(ask),
      describe: () => this.#server.stream(this.streamId),
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(this.region ? { region: this.region } : {}),
      formats: namedFormats(this.format) ?? preferredFormats(),
      onState: (watchState) => this.#sessionChanged(watchState, passphrase !== undefined),
      onData: (data) => player.push(data),
      onBacklog: () => player.expectBacklog(),
      onFreshStart: () => player.startAfresh(),
      hidden: () => document.hidden,
    });
  }

  async #askForNodes(ask: AskForNodes): Promise<Assignment> {
    const assignment = await this.#server.watch(this.streamId, ask);
    this.dispatchEvent(new AdmittedEvent(assignment));
    return assignment;
  }

  /** Leaves the node; the last picture stays. Playing on joins anew. */
  #leave(): void {
    clearTimeout(this.#leaveTimer);
    this.#leaveTimer = undefined;
    const session = this.#session;
    if (session === undefined || isFinal(session.state.phase)) return;
    session.close();
    this.#session = undefined;
    if (this.#player) this.#player.live = false;
    this.#refresh();
    const { state } = session;
    this.dispatchEvent(new WatchStateEvent({ ...state, viewers: undefined, node: undefined, transport: undefined }));
  }

  /** Joins anew where the node was left, at the live edge. */
  #rejoin(): void {
    if (this.#session !== undefined || this.#player === undefined || this.situation === 'unsupported') return;
    this.#player.startAfresh();
    this.#join(this.#player);
  }

  /** Leaves in a while if the person pauses what is live. */
  #leaveWhenPaused(): void {
    const idle = this.#player?.isPaused === true && this.situation === 'live' && this.#session !== undefined;
    if (!idle) clearTimeout(this.#leaveTimer);
    if (idle && this.#leaveTimer !== undefined) return;
    this.#leaveTimer = idle ? setTimeout(() => this.#leave(), LEAVE_AFTER_MS) : undefined;
  }

  #close(): void {
    clearTimeout(this.#spinnerTimer);
    clearTimeout(this.#leaveTimer);
    this.#leaveTimer = undefined;
    this.#clicks.forget();
    this.#session?.close();
    this.#player?.close();
    this.#session = undefined;
    this.#player = undefined;
  }

  #reopen(): void {
    this.#close();
    this.started = false;
    this.waiting = false;
    this.#joinMs = undefined;
    this.#breaksAtMs = [];
    this.situation = 'connecting';
    this.#open();
  }

  #unlock(passphrase: string): void {
    this.refused = false;
    this.#passphrase = passphrase;
    this.#reopen();
  }

  #sessionChanged(watchState: WatchState, gavePassphrase: boolean): void {
    if (this.situation !== 'unsupported' && this.situation !== 'failed') this.situation = watchState.phase;
    this.refused = watchState.phase === 'locked' && gavePassphrase;
    if (this.#player) this.#player.live = watchState.phase === 'live';
    this.#leaveWhenPaused();
    this.#refresh();
    this.dispatchEvent(new WatchStateEvent(watchState));
  }

  /** Plays with sound where the browser allows it, else without. */
  async #play(): Promise<void> {
    const player = this.#player;
    if (player === undefined) return;
    this.#rejoin();
    try {
      await player.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError' || player.muted) return;
      player.muted = true;
      this.silenced = true;
      // Refused even without sound: the person has to ask for it. Nothing ever played, so no pause is told.
      await player.play().catch(() => (this.paused = true));
    }
  }

  #hasStarted(): void {
    this.started = true;
    this.#joinMs ??= localNowMs() - this.#openedAtMs;
    this.#stir();
    this.#refresh();
  }

  #waits(waits: boolean): void {
    clearTimeout(this.#spinnerTimer);
    if (waits) this.#spinnerTimer = setTimeout(() => (this.waiting = true), SPINNER_AFTER_MS);
    else this.waiting = false;
  }

  #mediaBroke(): void {
    const now = localNowMs();
    this.#breaksAtMs = [...this.#breaksAtMs.filter((at) => at > now - BREAKS.withinMs), now];
    if (this.#breaksAtMs.length <= BREAKS.most) this.#session?.rejoin();
    else {
      this.situation = 'failed';
      this.#close();
    }
  }

  #cannotPlay(mime: string): void {
    this.codec = codecNames(mime);
    this.situation = 'unsupported';
    this.#leave();
  }

  #tick(): void {
    const lateMs = Date.now() - this.#ranAtMs;
    this.#ranAtMs = Date.now();
    if (lateMs > DID_NOT_RUN_MS) this.#returned();
    this.#refresh();
  }

  #refresh(): void {
    const player = this.#player;
    if (player) {
      const { node, transport, problem, retryAtMs } = this.#session?.state ?? {};
      this.problem = problem?.code;
      this.retryInS = retryAtMs === undefined ? undefined : Math.ceil(Math.max(0, retryAtMs - localNowMs()) / 1000);
      this.stats = { ...player.stats, node, transport, joinMs: this.#joinMs };
    }
    const { stats } = this;
    const shown: Record<string, string | number | undefined> = {
      state: this.situation,
      latencyMs: rounded(stats?.latencyMs),
      bufferMs: rounded(stats?.bufferMs),
      joinMs: rounded(this.#joinMs),
      stalls: stats?.stalls,
      jumps: stats?.jumps,
      dropped: stats?.droppedFrames,
      rate: stats?.rate,
      node: stats?.node,
      transport: stats?.transport,
      problem: this.problem,
      take: stats?.take,
      muted: String(this.muted),
    };
    for (const [name, value] of Object.entries(shown)) {
      if (value === undefined) Reflect.deleteProperty(this.dataset, name);
      else this.dataset[name] = String(value);
    }
  }

  #hasPlayed(): void {
    this.#intent.played();
    this.#rejoin();
    this.#leaveWhenPaused();
    this.#controlsChanged();
  }

  #hasPaused(): void {
    if (Date.now() - this.#ranAtMs > DID_NOT_RUN_MS) this.#intent.woke(localNowMs());
    this.#intent.paused(document.hidden, localNowMs());
    this.#leaveWhenPaused();
    this.#controlsChanged();
    if (!document.hidden) this.#goOn();
  }

  /** The new form is paused, whatever the old one was. */
  #formChanged(form: Form): void {
    this.form = form;
    if (this.#intent.plays) void this.#play();
  }

  #controlsChanged(): void {
    const player = this.#player;
    if (player === undefined) return;
    this.paused = player.isPaused;
    this.muted = player.muted;
    this.volume = player.volume;
    if (!this.muted) this.silenced = false;
  }

  readonly #pictureClicked = (event: PointerEvent): void => {
    if (!this.started) {
      if (this.paused) void this.#play();
      return;
    }
    if (this.silenced) {
      // The second click of a double click would take the sound away again.
      if (event.detail < 2) this.#do('mute');
      return;
    }
    // A finger only wants to see the controls.
    if (event.pointerType === 'mouse') this.#clicks.clicked(event.detail);
    else this.#stir();
  };

  readonly #stir = (): void => {
    this.active = true;
    clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(this.#rest, CONTROLS_REST_MS);
  };

  readonly #rest = (): void => {
    const focused = this.shadowRoot?.activeElement;
    this.active = focused?.matches(':has(:focus-visible), :focus-visible') ?? false;
  };

  #key(event: KeyboardEvent): void {
    if (!this.started) return;
    const [target] = event.composedPath();
    const command = commandOf(event, target instanceof HTMLElement ? target : undefined, lettersAreOn());
    if (command === undefined) return;
    event.preventDefault();
    this.#stir();
    // A key that is held down was pressed once.
    if (!event.repeat) this.#do(command);
  }

  #do(command: Command): void {
    // What is shown may be a moment older.
    const { isPaused = true, muted = false, volume = 1 } = this.#player ?? {};
    switch (command) {
      case 'play_pause':
        this.#setPlaying(isPaused);
        break;
      case 'go_live':
        if (isPaused) this.#setPlaying(true);
        else this.#player?.jumpToLive();
        break;
      case 'mute':
        this.#setVolume(muted ? volume || 1 : 0, muted);
        break;
      case 'stats':
      case 'keys':
        this.panel = this.panel === command ? undefined : command;
        break;
      case 'picture_in_picture':
        void this.#float();
        break;
      case 'full_screen':
        void this.#enlarge();
        break;
    }
  }

  #setPlaying(plays: boolean): void {
    this.#intent.asked(plays);
    if (plays) void this.#play();
    else this.#player?.pause();
  }

  /** Media keys, and the buttons of a floating picture, are the person's too: by themselves they look like the browser. */
  #takeMediaKeys(signal: AbortSignal): void {
    if (!('mediaSession' in navigator)) return;
    for (const action of ['play', 'pause'] as const) {
      navigator.mediaSession.setActionHandler(action, () => this.#setPlaying(action === 'play'));
      signal.addEventListener('abort', () => navigator.mediaSession.setActionHandler(action, null));
    }
  }

  /** Zero mutes and leaves the volume for the way back. */
  #setVolume(volume: number, audible = volume > 0): void {
    if (this.#player === undefined) return;
    this.#player.muted = !audible;
    if (audible) this.#player.volume = volume;
  }

  async #float(): Promise<void> {
    try {
      if (document.pictureInPictureElement) await document.exitPictureInPicture();
      else await this.video.requestPictureInPicture();
    } catch {
      // The browser said no; there is nothing to tell that the person does not see.
    }
  }

  async #enlarge(): Promise<void> {
    // On iPhones only the video itself can fill the screen.
    const video: Enlargeable = this.video;
    try {
      if (this.enlarged) await document.exitFullscreen();
      else if (document.fullscreenEnabled) await this.requestFullscreen();
      else video.webkitEnterFullscreen?.();
    } catch {
      // As above.
    }
  }

  /** Not by `document.fullscreenElement`: seen from the document that is whatever this element is inside of. */
  #enlargedChanged(): void {
    this.enlarged = this.matches(':fullscreen');
  }

  /** The page runs again, or is seen again. */
  #returned(): void {
    this.#ranAtMs = Date.now();
    this.#intent.woke(localNowMs());
    this.#session?.look();
    if (document.hidden) return;
    if (this.#player?.isPaused === false) this.#player.jumpToLive();
    this.#goOn();
  }

  /** Plays on where the browser paused, or left, and the person did not. */
  #goOn(): void {
    if (!this.#intent.plays) return;
    if (this.started && this.#player?.isPaused === true) void this.#play();
    else this.#rejoin();
  }
}

type Enlargeable = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

/** Whether something can fill the screen here: a frame may not have been allowed to. */
function canEnlarge(video: Enlargeable | undefined): boolean {
  return document.fullscreenEnabled || video?.webkitEnterFullscreen !== undefined;
}

function isFinal(situation: WatchPhase): boolean {
  return ['ended', 'not_found', 'locked', 'unsupported', 'failed'].includes(situation);
}

/** Nothing new comes; what stands still is no longer live. */
function isBroken(situation: WatchPhase): boolean {
  return situation === 'interrupted' || situation === 'busy' || isFinal(situation);
}

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value);
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-player': PlayerElement;
  }
  interface HTMLElementEventMap {
    'ud-watch-state': WatchStateEvent;
    'ud-admitted': AdmittedEvent;
  }
}
