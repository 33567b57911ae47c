// <ud-party-stage .view leads .positionMs .wave .vocals>: the current entry for everyone, with its picture or cover,
// waveform and time; controls for leaders, skipping for all, and the person's own volume. It contains the elements that
// the session plays in. Sends `ud-party-action`, `ud-party-show`, `ud-party-volume`, `ud-party-vocals` and `ud-unlock`.

import { LitElement, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, queryAll, state } from 'lit/decorators.js';
import type { WaveForm } from '../../library/waveform';
import type { LiveParts } from '../../party/player/live-parts';
import { accepted, isHalted, memberOf } from '../../party/roles';
import type { PartyStage, SessionView } from '../../party/session';
import type { Entry, PartyAction, PartyState } from '../../protocol/party';
import { strings } from '../../strings';
import { badges } from '../badges';
import { runningTime } from '../format';
import {
  enlargeIcon,
  microphoneIcon,
  mutedIcon,
  nextIcon,
  pauseIcon,
  playIcon,
  plusIcon,
  previousIcon,
  shrinkIcon,
  soundIcon,
} from '../icons';
import type { SeekEvent } from '../library/timeline';
import '../library/timeline';
import { createPlaybacks, likelyForm } from '../player/playbacks';
import { toggleFullScreen } from '../player/screen-modes';
import { base, block, buttons } from '../styles';
import { toast } from '../toasts';
import { vocalsSlider, volumeSlider } from '../volume';
import './art';
import { adder } from './entry-row';
import { ActionEvent, ShowEvent } from './events';
import { stageStyles } from './stage-styles';

const texts = strings.party.stage;
/** More names than this are summarised by a number. */
const NAMES = 2;

/** The person's own volume changed. */
export class VolumeEvent extends Event {
  constructor(
    readonly volume: number,
    readonly muted: boolean,
  ) {
    super('ud-party-volume', { bubbles: true, composed: true });
  }
}

/** The person changed the volume of the vocals. */
export class VocalsEvent extends Event {
  constructor(readonly share: number) {
    super('ud-party-vocals', { bubbles: true, composed: true });
  }
}

@customElement('ud-party-stage')
export class Stage extends LitElement {
  @property({ attribute: false }) declare view: SessionView;
  @property({ type: Boolean }) leads = false;
  @property({ type: Boolean, attribute: 'may-add' }) mayAdd = false;
  @property({ attribute: false }) positionMs: number | undefined;
  @property({ attribute: false }) wave: WaveForm | undefined;
  @property({ type: Number }) volume = 1;
  @property({ type: Boolean }) muted = false;
  /** Volume of the vocals of songs for this person, 0 to 1. */
  @property({ type: Number }) vocals = 1;
  /** The element whose pictures are shown. */
  @state() private seen: HTMLElement | undefined;
  @state() private enlarged = false;
  @query('.stage') declare private frame: HTMLElement;
  @query('canvas') declare private canvas: HTMLCanvasElement;
  @queryAll('video') declare private videos: NodeListOf<HTMLVideoElement>;

  static override styles = [base, block, buttons, badges, stageStyles];

  /** The elements that the session plays in; they exist after the first update. */
  get elements(): PartyStage {
    const [first, second] = this.videos;
    if (first === undefined || second === undefined) throw new Error('not rendered yet');
    const { canvas } = this;
    const live: LiveParts = {
      form: likelyForm(),
      create: (video, clock, together) => createPlaybacks(video, canvas, clock, together),
    };
    return { videos: [first, second], canvas, live, show: (element) => this.#show(element) };
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const [before, now] = [changed.get('view')?.playback, this.view.playback];
    if (before?.hasVocals === true && !now.hasVocals && before.entryId === now.entryId)
      toast(texts.vocalsGone, 'error');
  }

  override firstUpdated(): void {
    this.addEventListener('fullscreenchange', () => (this.enlarged = this.frame.matches(':fullscreen')));
  }

  override render(): TemplateResult {
    const entry = this.#entry;
    const { phase } = this.view.playback;
    const kinds = [
      this.seen !== undefined && entry !== undefined ? 'pictures' : '',
      entry === undefined ? 'quiet' : '',
      phase === 'playing' ? 'playing' : '',
    ];
    return html`<section class="stage ${kinds.join(' ')}" aria-label=${texts.label}>
      <div class="behind">
        <ud-art
          class="backdrop"
          plain
          seed=${entry?.hash ?? this.#party.party_id}
          .poster=${entry?.poster_url}
        ></ud-art>
      </div>
      <div class="screen">
        <video playsinline preload="auto"></video>
        <video playsinline preload="auto"></video>
        <canvas></canvas>
      </div>
      <div class="body">${entry === undefined ? this.#nothing() : this.#playing(entry)}</div>
      ${phase === 'needs_gesture' ? this.#tap() : nothing}
    </section>`;
  }

  get #party(): PartyState {
    const { state } = this.view;
    if (state === undefined) throw new Error('the party is not known yet');
    return state;
  }

  /** The entry that is heard; the timeline may be a moment ahead of it. */
  get #entry(): Entry | undefined {
    const { timeline, played, queue } = this.#party;
    const { entryId } = this.view.playback;
    if (entryId === undefined || entryId === timeline.entry?.entry_id) return timeline.entry;
    return [...played, ...queue].find(({ entry_id }) => entry_id === entryId) ?? timeline.entry;
  }

  #show(element: HTMLElement | undefined): void {
    this.seen = element;
    for (const other of [...this.videos, this.canvas]) other.classList.toggle('seen', other === element);
  }

  #nothing(): TemplateResult {
    const isVote = this.#party.acting_policy === 'vote';
    const advice = isVote ? texts.nothingVote : this.leads ? texts.nothingHost : texts.nothingMember;
    const hasNext = accepted(this.#party).length > 0;
    return html`<div class="main">
      <h2>${texts.nothing}</h2>
      <p class="by">${advice}</p>
      <div class="controls">
        ${
          this.leads && hasNext && !isVote
            ? this.#button('play', texts.play, playIcon, () => this.#ask({ command: 'play' }))
            : nothing
        }
        ${
          this.mayAdd
            ? html`<button class="button skip" type="button" @click=${() => this.dispatchEvent(new ShowEvent('add'))}>
                ${plusIcon} ${texts.add}
              </button>`
            : nothing
        }
      </div>
    </div>`;
  }

  #playing(entry: Entry): TemplateResult {
    const hasCover = this.seen === undefined;
    const by = [entry.artist ?? '', adder(this.#party, entry, this.view.me)].filter((fact) => fact !== '').join(' · ');
    return html`${
        hasCover
          ? html`<ud-art
              class="cover"
              seed=${entry.hash}
              .poster=${entry.poster_url}
              ?video=${entry.is_video === true || entry.stream_id !== undefined}
            ></ud-art>`
          : nothing
      }
      <div class="main">
        <div class="eyebrow">${this.#eyebrow(entry)}</div>
        <h2 dir="auto">${entry.title}</h2>
        <p class="by" dir="auto">${by}</p>
        ${this.#where(entry)}
        <div class="controls">${this.#controls()}</div>
        ${this.#vocals()}
      </div>`;
  }

  #eyebrow(entry: Entry): TemplateResult {
    const { playback } = this.view;
    const { timeline } = this.#party;
    const waiting = timeline.waiting_for ?? [];
    const said =
      playback.phase === 'failed'
        ? texts.failed
        : waiting.length > 0
          ? this.#waiting(waiting)
          : timeline.paused
            ? texts.paused
            : playback.phase === 'loading'
              ? texts.loading
              : texts.now;
    return html`<span class="bars" aria-hidden="true"><i></i><i></i><i></i></span>
      <span role="status">${said}</span>
      ${entry.stream_id === undefined ? nothing : html`<span class="badge live">${strings.states.live}</span>`}`;
  }

  #waiting(ids: readonly string[]): string {
    const names = ids.flatMap((id) => memberOf(this.#party, id)?.name ?? []);
    return names.length > NAMES ? texts.waitingMany(names.length) : texts.waiting(names.join(', '));
  }

  #where(entry: Entry): TemplateResult | typeof nothing {
    const { duration_ms } = entry;
    if (duration_ms === undefined) return nothing;
    const at = Math.min(duration_ms, Math.max(0, this.positionMs ?? 0));
    return html`<div class="where">
      <ud-timeline
        ?fixed=${!this.leads}
        .durationMs=${duration_ms}
        .positionMs=${at}
        .wave=${this.wave}
        @ud-seek=${({ ms }: SeekEvent) => this.#ask({ command: 'seek', position_ms: Math.round(ms) })}
      ></ud-timeline>
      <div class="times"><span>${runningTime(at)}</span><span>${runningTime(duration_ms)}</span></div>
    </div>`;
  }

  #vocals(): TemplateResult | typeof nothing {
    if (!this.view.playback.hasVocals) return nothing;
    const text = texts.vocalsAt(Math.round(this.vocals * 100));
    return html`<div class="vocals">
      <label for="vocals">${microphoneIcon}${texts.vocals}</label>
      ${vocalsSlider({
        share: this.vocals,
        text,
        title: texts.vocalsAdvice,
        changed: (share) => this.dispatchEvent(new VocalsEvent(share)),
      })}
      <output for="vocals">${text}</output>
    </div>`;
  }

  #controls(): TemplateResult {
    const isVote = this.#party.acting_policy === 'vote';
    return html`${this.leads ? this.#lead(isVote) : nothing} ${isVote ? this.#skip() : nothing}
      <span class="space"></span>
      <slot name="sync"></slot>
      ${this.#sound()} ${this.seen === undefined ? nothing : this.#enlarge()}`;
  }

  #lead(isVote: boolean): TemplateResult {
    const play = isHalted(this.#party)
      ? this.#button('play', texts.play, playIcon, () => this.#ask({ command: 'play' }))
      : this.#button('play', texts.pause, pauseIcon, () => this.#ask({ command: 'pause' }));
    if (isVote) return play;
    return html`${this.#button('', texts.previous, previousIcon, () => this.#ask({ command: 'previous' }))} ${play}
    ${this.#button('', texts.next, nextIcon, () => this.#ask({ command: 'next' }))}`;
  }

  #skip(): TemplateResult | typeof nothing {
    const { round } = this.#party;
    const { me } = this.view;
    if (round === undefined || me === undefined) return nothing;
    const isAsked = round.skips.includes(me);
    const { length } = round.skips;
    return html`<button
      class="button skip"
      type="button"
      aria-pressed=${isAsked ? 'true' : 'false'}
      title=${isAsked ? texts.skipping : texts.skips(length, round.skips_needed)}
      @click=${() => this.#ask({ command: 'skip' })}
    >
      ${nextIcon} ${texts.skip}
      ${
        length === 0
          ? nothing
          : html`<span class="count" aria-hidden="true">${length}/${round.skips_needed}</span
              ><span class="visually-hidden">${texts.skips(length, round.skips_needed)}</span>`
      }
    </button>`;
  }

  #sound(): TemplateResult {
    const silent = this.muted || this.volume === 0;
    return html`${this.#button('', silent ? texts.soundOn : texts.mute, silent ? mutedIcon : soundIcon, () =>
      this.#setVolume(this.volume === 0 ? 1 : this.volume, !silent),
    )}
    ${volumeSlider({
      label: texts.volume,
      volume: this.volume,
      muted: this.muted,
      changed: (volume) => this.#setVolume(volume, false),
    })}`;
  }

  #enlarge(): TemplateResult {
    const label = this.enlarged ? texts.leaveFullScreen : texts.fullScreen;
    const [video] = this.videos;
    return this.#button('', label, this.enlarged ? shrinkIcon : enlargeIcon, () => {
      if (video !== undefined) void toggleFullScreen(this.frame, video);
    });
  }

  #button(kind: string, label: string, icon: TemplateResult, pressed: () => void): TemplateResult {
    return html`<button
      class="button quiet icon ${kind}"
      type="button"
      aria-label=${label}
      title=${label}
      @click=${pressed}
    >
      ${icon}
    </button>`;
  }

  #tap(): TemplateResult {
    return html`<button class="tap" type="button" @click=${() => this.dispatchEvent(new Event('ud-unlock'))}>
      <span class="disc">${playIcon}</span>
      <strong>${texts.tap}</strong>
      <span class="hint">${texts.tapAdvice}</span>
    </button>`;
  }

  #setVolume(volume: number, muted: boolean): void {
    this.dispatchEvent(new VolumeEvent(volume, muted));
  }

  #ask(action: PartyAction): void {
    this.dispatchEvent(new ActionEvent(action));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-stage': Stage;
  }
  interface HTMLElementEventMap {
    'ud-party-vocals': VocalsEvent;
    'ud-party-volume': VolumeEvent;
  }
}
