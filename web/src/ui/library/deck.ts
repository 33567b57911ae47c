// <ud-deck .media .playing .queue mode>: the player of the library. It contains the page's only media element, which stays
// in place while the page changes its view: `mode` says whether the deck is a stage or a bar at the foot of the window.
// Sends `ud-deck` for actions of the page: next, previous, stop, queue, open.

import { LitElement, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { site } from '../../browser/site';
import { siteMemory } from '../../browser/storage';
import type { DeckCommand } from '../../library/keys';
import { elementVolume, loudnessGain } from '../../library/loudness';
import { connectMediaKeys, placeMedia, showMedia } from '../../library/media-session';
import { isAtEnd } from '../../library/player/media';
import type { Playing } from '../../library/playing';
import type { Queue } from '../../library/queue';
import { strings } from '../../strings';
import { itemLength, runningTime } from '../format';
import {
  closeIcon,
  enlargeIcon,
  mutedIcon,
  nextIcon,
  pauseIcon,
  pictureInPictureIcon,
  playIcon,
  previousIcon,
  queueIcon,
  shrinkIcon,
  soundIcon,
} from '../icons';
import type { MenuItem, PickEvent } from '../menu';
import '../menu';
import { canEnlarge, toggleFloating, toggleFullScreen } from '../player/screen-modes';
import { base, buttons } from '../styles';
import { volumeSlider } from '../volume';
import { cover, covers } from './cover';
import { deckStyles } from './deck-styles';
import type { Loaded, SeekEvent } from './timeline';
import './timeline';

const texts = strings.library.player;
const VOLUME = 'undead.library-volume';
const RATES = [0.5, 0.75, 1, 1.25, 1.5, 2] as const;
/** Step of the arrow keys. */
const SKIP_S = 5;
/** Within this many seconds, `previous` goes to the previous item; later, to the beginning. */
const RESTART_S = 3;

/** An action for the page. */
export class DeckEvent extends Event {
  constructor(readonly what: 'next' | 'previous' | 'stop' | 'queue' | 'open' | 'ended') {
    super('ud-deck', { bubbles: true, composed: true });
  }
}

@customElement('ud-deck')
export class Deck extends LitElement {
  @property({ attribute: false }) declare media: HTMLVideoElement;
  @property({ attribute: false }) playing: Playing | undefined;
  @property({ attribute: false }) declare queue: Queue;
  @property() mode: 'stage' | 'bar' = 'stage';
  /** Changes whenever `playing` or `queue` change. */
  @property({ type: Number }) version = 0;
  /** Whether the queue is displayed. */
  @property({ type: Boolean }) queueShown = false;
  /** Whether the browser requires a press before it plays. */
  @property({ type: Boolean }) asks = false;
  @query('.deck') declare private frame: HTMLElement;
  @state() private positionMs = 0;
  @state() private paused = true;
  @state() private stalled = false;
  @state() private volume = 1;
  @state() private muted = false;
  @state() private rate = 1;
  @state() private enlarged = false;
  /** Whether a picture of this item was shown. */
  @state() private hasPicture = false;
  @state() private ranges: readonly Loaded[] = [];

  static override styles = [base, buttons, covers, deckStyles];

  /** Whether it plays, or will as soon as it can. */
  get isPlaying(): boolean {
    return !this.paused;
  }

  /** Executes the command of a key. */
  command(command: DeckCommand): void {
    switch (command) {
      case 'play_pause':
        this.#toggle();
        break;
      case 'back':
        this.#skip(-SKIP_S);
        break;
      case 'forward':
        this.#skip(SKIP_S);
        break;
      case 'next':
        this.#send('next');
        break;
      case 'previous':
        this.#previous();
        break;
      case 'mute':
        this.media.muted = !this.media.muted;
        break;
      case 'louder':
        this.#setVolume(this.volume + 0.1);
        break;
      case 'quieter':
        this.#setVolume(this.volume - 0.1);
        break;
      case 'faster':
        this.#setRate(RATES.find((rate) => rate > this.rate) ?? this.rate);
        break;
      case 'slower':
        this.#setRate(RATES.findLast((rate) => rate < this.rate) ?? this.rate);
        break;
      case 'full_screen':
        void toggleFullScreen(this.frame, this.media);
        break;
    }
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('playing')) return;
    this.positionMs = 0;
    this.ranges = [];
    // The item may have been loaded before the deck.
    this.hasPicture = this.media.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    this.stalled = false;
  }

  override firstUpdated(): void {
    const kept = Number(siteMemory.getItem(VOLUME) ?? '1');
    this.volume = kept >= 0 && kept <= 1 ? kept : 1;
    this.#applyVolume();
    this.#listen();
    this.addEventListener('fullscreenchange', () => (this.enlarged = this.frame.matches(':fullscreen')));
  }

  override updated(changed: PropertyValues<this>): void {
    if (!changed.has('playing') && !changed.has('version')) return;
    this.#tellSystem();
    this.#applyVolume();
  }

  override render(): TemplateResult {
    const kind = this.playing?.isAudio === true ? 'audio' : 'video';
    const ask = this.asks ? 'ask' : '';
    return html`<section class="deck ${this.mode} ${kind} ${ask}" aria-label=${texts.label} ?hidden=${!this.#canPlay}>
      <div class="screen">${this.media} ${this.#cover(kind)} ${this.#press()}</div>
      <div class="main">
        ${this.#what()}
        <ud-timeline
          ?slim=${this.mode === 'bar'}
          ?tall=${kind === 'audio' && this.mode === 'stage'}
          .durationMs=${this.playing?.state.durationMs ?? 0}
          .positionMs=${this.positionMs}
          .ranges=${this.ranges}
          .wave=${this.playing?.wave}
          .previews=${this.playing?.item?.previews ?? []}
          .version=${this.version}
          @ud-seek=${({ ms }: SeekEvent) => this.#seek(ms)}
        ></ud-timeline>
        ${this.#controls(kind)}
        <div class="told" role="status">${this.#told()}</div>
      </div>
    </section>`;
  }

  #listen(): void {
    const heard = {
      timeupdate: this.#moved,
      seeking: this.#moved,
      durationchange: this.#moved,
      progress: this.#loaded,
      play: this.#changed,
      pause: this.#changed,
      loadeddata: () => (this.hasPicture = true),
      playing: this.#started,
      waiting: () => (this.stalled = true),
      ratechange: this.#changed,
      volumechange: this.#changed,
      ended: () => this.#send('ended'),
    };
    for (const [type, listener] of Object.entries(heard)) this.media.addEventListener(type, listener);
    this.#changed();
    this.#moved();
  }

  /** Whether there is, or may be, something to play; if not, the page shows the reason. */
  get #canPlay(): boolean {
    const { playing } = this;
    if (playing === undefined) return false;
    const state = playing.item?.state;
    if (state === 'failed' || state === 'processing') return false;
    const waits = playing.state.phase === 'waiting' && !playing.isNotKept;
    return playing.problem === undefined || waits || this.positionMs > 0;
  }

  #cover(kind: string): TemplateResult | typeof nothing {
    if (kind === 'video' && this.hasPicture) return nothing;
    return html`<div class="cover">${cover(this.playing?.item ?? {})}</div>`;
  }

  #press(): TemplateResult {
    const label = this.paused ? texts.play : texts.pause;
    return html`<button
      class="press"
      type="button"
      aria-label=${label}
      tabindex=${this.asks ? 0 : -1}
      @click=${this.#toggle}
    >
      ${this.asks ? html`<span>${playIcon}</span>` : nothing}
    </button>`;
  }

  #what(): TemplateResult {
    const item = this.playing?.item;
    const title = item?.title ?? '';
    return html`<div class="what">
      <a
        href=${site(`/library/${this.playing?.itemId ?? ''}`)}
        aria-label=${texts.open(title)}
        dir="auto"
        @click=${this.#opened}
        >${title}</a
      >
      <span dir="auto">${item?.artist ?? ''}</span>
    </div>`;
  }

  #controls(kind: string): TemplateResult {
    const { durationMs } = this.playing?.state ?? { durationMs: 0 };
    const silent = this.muted || this.volume === 0;
    return html`<div class="controls">
      ${this.#button('previous', texts.previous, previousIcon, () => this.#previous())}
      ${this.#button('play', this.paused ? texts.play : texts.pause, this.paused ? playIcon : pauseIcon, this.#toggle)}
      ${this.#button('next', texts.next, nextIcon, () => this.#send('next'), { disabled: !this.queue.hasNext })}
      <span class="time"
        >${runningTime(this.positionMs)} / ${durationMs > 0 ? itemLength(durationMs) : runningTime(0)}</span
      >
      <span class="space"></span>
      <ud-menu
        class="speed"
        .label=${texts.speedNow(String(this.rate))}
        .items=${this.#rates()}
        @pick=${this.#ratePicked}
      >
        <span>${texts.speedOf(String(this.rate))}</span>
      </ud-menu>
      ${this.#button('mute', silent ? texts.soundOn : texts.mute, silent ? mutedIcon : soundIcon, () => this.command('mute'))}
      ${volumeSlider({
        label: texts.volume,
        volume: this.volume,
        muted: this.muted,
        changed: (volume) => this.#setVolume(volume),
      })}
      ${this.#button('queue', texts.queue, queueIcon, () => this.#send('queue'), { pressed: this.queueShown })}
      ${kind === 'video' && this.mode === 'stage' ? this.#screenButtons() : nothing}
      ${this.mode === 'bar' ? this.#button('stop', texts.stop, closeIcon, () => this.#send('stop')) : nothing}
    </div>`;
  }

  #screenButtons(): TemplateResult {
    const label = this.enlarged ? texts.leaveFullScreen : texts.fullScreen;
    const icon = this.enlarged ? shrinkIcon : enlargeIcon;
    return html`${
      document.pictureInPictureEnabled
        ? this.#button('float', texts.float, pictureInPictureIcon, () => void toggleFloating(this.media))
        : nothing
    }${canEnlarge(undefined) ? this.#button('enlarge', label, icon, () => this.command('full_screen')) : nothing}`;
  }

  #button(
    kind: string,
    label: string,
    icon: TemplateResult,
    pressed: () => void,
    state: { pressed?: boolean; disabled?: boolean } = {},
  ): TemplateResult {
    return html`<button
      class="button quiet icon ${kind}"
      type="button"
      title=${label}
      aria-label=${label}
      aria-pressed=${state.pressed ?? nothing}
      ?disabled=${state.disabled}
      @click=${pressed}
    >
      ${icon}
    </button>`;
  }

  #told(): string {
    const state = this.playing?.state;
    if (state === undefined) return '';
    if (this.playing?.isNotKept) return strings.library.problems.unreachable.advice;
    if (state.phase === 'waiting') return texts.waiting;
    if (state.phase === 'opening' || (this.stalled && !this.paused)) return texts.opening;
    return state.isGrowing ? texts.growing : '';
  }

  #rates(): MenuItem[] {
    return RATES.map((rate) => ({
      id: String(rate),
      label: texts.speedOf(String(rate)),
      checked: rate === this.rate,
      group: 'rate',
    }));
  }

  readonly #ratePicked = ({ id }: PickEvent): void => this.#setRate(Number(id));

  readonly #toggle = (): void => {
    if (this.media.paused && isAtEnd(this.media) && this.playing?.state.isGrowing !== true) this.#seek(0);
    if (this.media.paused) this.playing?.play();
    else this.playing?.pause();
  };

  readonly #opened = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.#send('open');
  };

  #previous(): void {
    if (this.media.currentTime > RESTART_S || !this.queue.hasPrevious) this.#seek(0);
    else this.#send('previous');
  }

  #skip(seconds: number): void {
    this.#seek((this.media.currentTime + seconds) * 1000);
  }

  #seek(ms: number): void {
    this.playing?.seek(ms);
    this.positionMs = Math.max(0, ms);
  }

  #setVolume(volume: number): void {
    this.volume = Math.min(1, Math.max(0, volume));
    this.media.muted = false;
    this.#applyVolume();
    siteMemory.setItem(VOLUME, String(this.volume));
  }

  /** Adjusts the volume so that items of the queue sound equally loud. */
  #applyVolume(): void {
    const volume = elementVolume(this.volume, loudnessGain(this.playing?.item));
    if (this.media.volume !== volume) this.media.volume = volume;
  }

  #setRate(rate: number): void {
    // A new source starts at the default rate.
    this.media.defaultPlaybackRate = rate;
    this.media.playbackRate = rate;
  }

  readonly #moved = (): void => {
    this.positionMs = this.media.currentTime * 1000;
    this.#loaded();
    this.#placeInSystem();
  };

  readonly #loaded = (): void => {
    const { buffered } = this.media;
    this.ranges = Array.from({ length: buffered.length }, (_, i) => ({
      startMs: buffered.start(i) * 1000,
      endMs: buffered.end(i) * 1000,
    }));
  };

  readonly #changed = (): void => {
    const { paused, muted, playbackRate } = this.media;
    [this.paused, this.muted, this.rate] = [paused, muted, playbackRate];
    this.#placeInSystem();
    this.dispatchEvent(new Event('ud-playing-changed', { bubbles: true, composed: true }));
  };

  readonly #started = (): void => {
    this.stalled = false;
    this.#changed();
  };

  #send(what: DeckEvent['what']): void {
    this.dispatchEvent(new DeckEvent(what));
  }

  #tellSystem(): void {
    const item = this.playing?.item;
    const picture = item?.poster_url;
    showMedia(item, picture === undefined ? undefined : new URL(picture, location.href).href);
    connectMediaKeys({
      play: () => this.playing?.play(),
      pause: () => this.playing?.pause(),
      stop: () => this.#send('stop'),
      skip: (seconds) => this.#skip(seconds),
      seek: (ms) => this.#seek(ms),
      next: this.queue.hasNext ? () => this.#send('next') : undefined,
      previous: this.queue.hasPrevious ? () => this.#previous() : undefined,
    });
  }

  #placeInSystem(): void {
    if (this.playing === undefined) return;
    const { durationMs } = this.playing.state;
    placeMedia({ durationMs, positionMs: this.positionMs, rate: this.rate, paused: this.paused });
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-deck': Deck;
  }
  interface HTMLElementEventMap {
    'ud-deck': DeckEvent;
  }
}
