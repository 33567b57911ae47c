// <ud-player .view embedded?>: watches one stream. It shows the state of the viewing, and executes the person's commands.
// Its `data-` attributes expose the state to programs; see told.ts.

import { LitElement, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { MainServer } from '../../api/client';
import type { CallError } from '../../protocol/error';
import type { ItemId } from '../../protocol/item';
import type { Assignment } from '../../protocol/stream';
import { strings } from '../../strings';
import { mutedIcon, playIcon } from '../icons';
import { ghostPicture } from '../logo';
import { base, buttons } from '../styles';
import type { CommandEvent, VolumeEvent } from './controls';
import './controls';
import './key-panel';
import { lettersAreOn } from '../../watch/keys';
import { Activity } from './activity';
import { Commands, type Panel } from './commands';
import type { Form } from '../../watch/playback/player';
import { trackKinds } from '../../watch/mime';
import type { PassphraseEvent } from './overlay';
import './overlay';
import { GoingBack } from './going-back';
import type { LiveView } from './live-view';
import { PageLife } from './page-life';
import { playerStyles } from './player-styles';
import { canEnlarge } from './screen-modes';
import { isFinal, type WatchPhase, type WatchState } from '../../watch/session/state';
import { tellPrograms } from './told';
import type { RewindView } from '../../watch/rewind/rewind';
import type { Figures, Viewing } from '../../watch/viewing';
import { toast } from '../toasts';
import type { SeekEvent } from './rewind-bar';
import './rewind-bar';
import './stats-panel';

const texts = strings.watch.player;

/** The session's state changed; `element.watchState` has it. */
export class WatchStateEvent extends Event {
  constructor(readonly state: WatchState) {
    super('ud-watch-state', { bubbles: true, composed: true });
  }
}

/** The main server admitted this viewer. */
export class AdmittedEvent extends Event {
  constructor(readonly assignment: Assignment) {
    super('ud-admitted', { bubbles: true, composed: true });
  }
}

@customElement('ud-player')
export class PlayerElement extends LitElement {
  /** The viewing of the stream, which may have begun. */
  @property({ attribute: false }) declare view: LiveView;
  /** The library item of the stream's recording, if known. */
  @property({ attribute: false }) recording: ItemId | undefined;
  /** Whether the player is alone in a frame of another page, so that its links open elsewhere. */
  @property({ type: Boolean }) embedded = false;
  @state() private situation: WatchPhase = 'connecting';
  @state() private started = false;
  @state() private waiting = false;
  @state() private paused = false;
  @state() private muted = false;
  @state() private volume = 1;
  /** Whether it is muted because the browser allows no sound before a gesture. */
  @state() private silenced = false;
  @state() private refused = false;
  @state() private codec = '';
  @state() private problem: CallError['code'] | undefined;
  @state() private reason: string | undefined;
  @state() private retryInS: number | undefined;
  @state() private endsInS: number | undefined;
  @state() private panel: Panel | undefined;
  @state() private enlarged = false;
  @state() private stats: Figures | undefined;
  /** The form of playback: a <video>, or a <canvas> for bare frames. */
  @state() private form: Form = 'container';
  /** The state of the rewind, while there is one. */
  @state() private past: RewindView | undefined;
  @query('video.past') declare private pastVideo: HTMLVideoElement;

  #gone: AbortController | undefined;
  #passphrase: string | undefined;
  readonly #activity = new Activity(this);
  readonly #goingBack = new GoingBack({
    server: new MainServer(),
    streamId: () => this.view.setup.streamId,
    recording: () => this.recording ?? this.view.assignment?.stream?.recording,
    admission: () => {
      const { invitation } = this.view.setup.invited;
      return {
        ...(this.#passphrase === undefined ? {} : { passphrase: this.#passphrase }),
        ...(invitation === undefined ? {} : { invitation }),
      };
    },
    node: () => this.stats?.node,
    grant: () => this.view.assignment?.grant ?? '',
    video: async () => {
      await this.updateComplete;
      return this.pastVideo;
    },
    changed: (past) => {
      this.past = past;
      this.#refresh();
    },
    backToLive: (failed) => {
      if (failed) toast(texts.noPast, 'error');
      this.#viewing?.goLive();
    },
  });
  readonly #commands = new Commands({
    viewing: () => this.#viewing,
    rewind: () => this.#goingBack.rewind,
    goBack: () => void this.#goBack(),
    goLive: () => this.#goLive(),
    video: () => this.view.video,
    frame: this,
    hasStarted: () => this.started,
    isPaused: () => this.past?.paused ?? this.paused,
    isSilenced: () => this.silenced,
    togglePanel: (panel) => (this.panel = this.panel === panel ? undefined : panel),
    stir: this.#activity.stir,
  });
  #page: PageLife | undefined;

  static override styles = [base, buttons, playerStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#gone = new AbortController();
    const { signal } = this.#gone;
    document.addEventListener('fullscreenchange', () => this.#enlargedChanged(), { signal });
    this.#page = new PageLife(signal, {
      tick: () => this.#refresh(),
      returned: () => this.#viewing?.returned(),
      leaves: () => this.#viewing?.leave(),
      online: () => this.#viewing?.hurry(),
    });
    this.#commands.takeKeys(signal);
    if (this.hasUpdated) this.#open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#gone?.abort();
    this.#close();
  }

  override firstUpdated(): void {
    const { canvas, video } = this.view;
    canvas.className = 'pictures';
    canvas.setAttribute('role', 'img');
    const pictures: readonly HTMLElement[] = [canvas, video];
    for (const picture of pictures) {
      picture.setAttribute('aria-label', texts.stream);
      picture.addEventListener('click', this.#commands.clicked);
      picture.addEventListener('dblclick', this.#commands.doubleClicked);
    }
    this.view.connect({
      show: (change) => Object.assign(this, change),
      stateChanged: (watchState) => {
        this.#refresh();
        this.dispatchEvent(new WatchStateEvent(watchState));
      },
      started: () => {
        this.#activity.stir();
        this.#refresh();
      },
      admitted: (assignment) => this.dispatchEvent(new AdmittedEvent(assignment)),
      didNotRun: () => this.#page?.didNotRun === true,
    });
    this.#open();
  }

  override render(): TemplateResult {
    const { situation, started } = this;
    // Autoplay was refused even without sound.
    const needsTap = !started && this.paused && situation === 'live';
    const isPaused = this.past?.paused ?? this.paused;
    const quiet = started && !isPaused && !this.#activity.active && this.panel === undefined;
    return html`<div
        class="frame ${quiet ? 'quiet' : ''} ${isBroken(situation) && this.past === undefined ? 'dimmed' : ''}"
        @pointermove=${this.#activity.stir}
        @pointerleave=${this.#activity.rest}
        @focusin=${this.#activity.stir}
        @ud-command=${(event: CommandEvent) => this.#commands.do(event.command)}
        @ud-volume=${(event: VolumeEvent) => this.#viewing?.setVolume(event.volume)}
        @ud-seek=${(event: SeekEvent) => this.#goingBack.rewind?.seek(event.ms)}
        @ud-passphrase=${(event: PassphraseEvent) => this.#unlock(event.passphrase)}
        @ud-retry=${() => this.#reopen()}
      >
        ${this.view.canvas} ${this.view.video} ${this.past === undefined ? nothing : this.#pastVideo()}
        ${
          started && this.#soundOnly
            ? html`<div class="sound-only">${ghostPicture}<span>${texts.soundOnly}</span></div>`
            : nothing
        }
        <ud-watch-overlay
          .situation=${this.past === undefined ? situation : 'live'}
          .started=${started || needsTap}
          .waiting=${this.past?.waiting ?? this.waiting}
          .refused=${this.refused}
          .codec=${this.codec}
          .problem=${this.problem}
          .reason=${this.reason}
          .retryInS=${this.retryInS}
          .endsInS=${this.endsInS}
          .newTab=${this.embedded}
        ></ud-watch-overlay>
        ${
          this.silenced && started && this.#audible && situation === 'live'
            ? html`<button class="sound" type="button" @click=${() => this.#commands.do('mute')}>
                ${mutedIcon} ${texts.tapForSound}
              </button>`
            : nothing
        }
        ${
          needsTap
            ? html`<button class="sound" type="button" @click=${() => void this.#viewing?.play()}>
                ${playIcon} ${texts.tapToPlay}
              </button>`
            : nothing
        }
        ${started && (!isFinal(situation) || this.past) ? this.#controls() : nothing}
      </div>
      ${this.panel === 'stats' ? html`<ud-stats .stats=${this.stats}></ud-stats>` : nothing}
      ${this.panel === 'keys' ? html`<ud-key-panel @ud-letters=${() => this.requestUpdate()}></ud-key-panel>` : nothing}`;
  }

  #pastVideo(): TemplateResult {
    return html`<video
      class="past"
      playsinline
      aria-label=${texts.past}
      .muted=${this.muted}
      .volume=${this.volume}
      @click=${this.#commands.clicked}
      @dblclick=${this.#commands.doubleClicked}
    ></video>`;
  }

  #controls(): TemplateResult {
    const { past } = this;
    return html`${past ? html`<ud-rewind-bar .view=${past}></ud-rewind-bar>` : nothing}<ud-controls
        .paused=${past?.paused ?? this.paused}
        .live=${past === undefined && !this.paused && this.situation === 'live'}
        .canRewind=${this.form === 'container' && this.#goingBack.isPossible}
        .muted=${this.muted}
        .volume=${this.volume}
        .audible=${this.#audible}
        .enlarged=${this.enlarged}
        .canEnlarge=${canEnlarge(this.form === 'container' ? this.view.video : undefined)}
        .panel=${this.panel}
        .letters=${lettersAreOn()}
        .canFloat=${this.#canFloat}
        .latencyMs=${past === undefined ? this.stats?.latencyMs : undefined}
      ></ud-controls>`;
  }

  /** A canvas has no picture in picture. */
  get #canFloat(): boolean {
    return this.form === 'container' && document.pictureInPictureEnabled && (this.stats?.width ?? 0) > 0;
  }

  get #viewing(): Viewing | undefined {
    return this.view.viewing;
  }

  get #soundOnly(): boolean {
    const mime = this.stats?.mime;
    return this.situation === 'live' && mime !== undefined && !trackKinds(mime).video;
  }

  get #audible(): boolean {
    const mime = this.stats?.mime;
    return mime === undefined || trackKinds(mime).audio;
  }

  override willUpdate(): void {
    this.view.canvas.hidden = this.form !== 'frames';
    this.view.video.hidden = this.form !== 'container';
  }

  #open(): void {
    this.view.open(this.#passphrase);
  }

  #close(): void {
    this.#commands.forget();
    this.#goingBack.end();
    this.view.close();
  }

  #reopen(): void {
    this.#close();
    this.#open();
  }

  /** Leaves the live edge for the last seconds before it. */
  async #goBack(): Promise<void> {
    if (await this.#goingBack.begin()) this.#viewing?.setPlaying(false);
  }

  #goLive(): void {
    this.#goingBack.end();
    this.#viewing?.goLive();
  }

  #unlock(passphrase: string): void {
    this.#passphrase = passphrase;
    this.#reopen();
  }

  #refresh(): void {
    this.stats = this.#viewing?.figures ?? this.stats;
    this.problem = this.stats?.problem;
    this.reason = this.stats?.reason;
    this.retryInS = this.stats?.retryInS;
    this.endsInS = this.stats?.endsInS;
    const { situation, muted, stats: figures, past } = this;
    tellPrograms(this.dataset, { situation, muted, figures, past });
  }

  /** Not by `document.fullscreenElement`: from the document it may be an element that contains this one. */
  #enlargedChanged(): void {
    this.enlarged = this.matches(':fullscreen');
  }
}

/** Whether no new media arrives, so that a frozen picture is no longer live. */
function isBroken(situation: WatchPhase): boolean {
  return situation === 'interrupted' || situation === 'busy' || isFinal(situation);
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
