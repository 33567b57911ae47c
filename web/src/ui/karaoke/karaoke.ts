// <ud-karaoke .session .library may-edit>: the karaoke player: transport, volume of the vocals, key, lyrics, downloads.
// It reads the position from the session once a frame.

import { LitElement, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { site } from '../../browser/site';
import { siteMemory } from '../../browser/storage';
import { MOST_SEMITONES, type KaraokeSession } from '../../karaoke/session';
import { canShiftPitch } from '../../karaoke/web-output';
import type { Library } from '../../library/api';
import { deckCommandOf } from '../../library/keys';
import type { Playing } from '../../library/playing';
import type { Stem } from '../../protocol/item';
import { strings } from '../../strings';
import { lettersAreOn, type Focused } from '../../watch/keys';
import { runningTime } from '../format';
import { microphoneIcon, mutedIcon, noteIcon, pauseIcon, playIcon, soundIcon } from '../icons';
import { cover, covers } from '../library/cover';
import '../library/download-button';
import type { SeekEvent } from '../library/timeline';
import '../library/timeline';
import { base, block, buttons } from '../styles';
import { toast } from '../toasts';
import { vocalsSlider, volumeSlider } from '../volume';
import { karaokeStyles } from './karaoke-styles';
import type { LyricsFileEvent } from './lyrics';
import './lyrics';

const texts = strings.karaoke;
const VOLUME = 'undead.library-volume';
const VOCALS = 'undead.karaoke-vocals';
const SKIP_MS = 5_000;

type SaveParameters = Parameters<Playing['file']>;

@customElement('ud-karaoke')
export class Karaoke extends LitElement {
  @property({ attribute: false }) declare session: KaraokeSession;
  @property({ attribute: false }) declare library: Pick<Library, 'item' | 'removeLyrics' | 'setLyrics'>;
  @property({ type: Boolean, attribute: 'may-edit' }) mayEdit = false;
  /** Changes whenever the session changes. */
  @property({ type: Number }) version = 0;
  @state() private positionMs = 0;
  @state() private vocals = 0;
  @state() private volume = 1;
  @state() private muted = false;
  @state() private lyricsUrl: string | undefined;
  @query('.karaoke') declare private frame: HTMLElement;
  #frameRequest = 0;

  static override styles = [base, block, buttons, covers, karaokeStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener('keydown', this.#key);
    this.#tick();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener('keydown', this.#key);
    cancelAnimationFrame(this.#frameRequest);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('session')) return;
    this.vocals = shareIn(VOCALS, 0);
    this.volume = shareIn(VOLUME, 1);
    this.lyricsUrl = this.session.song.source.lyrics_url;
    this.session.setVocals(this.vocals);
    this.session.setVolume(this.volume);
  }

  override render(): TemplateResult {
    const { source } = this.session.song;
    return html`<div class="karaoke">
      <section class="song" aria-label=${texts.heading}>
        <div class="about">
          <div class="cover">${cover(source)}</div>
          <div>
            <h1 dir="auto">${source.title}</h1>
            ${source.artist ? html`<p class="artist" dir="auto">${source.artist}</p>` : nothing}
          </div>
        </div>
        ${this.#transport()} ${this.#mix()} ${this.#files()}
      </section>
      <ud-lyrics
        .lines=${this.session.lines}
        .positionMs=${this.positionMs}
        ?may-edit=${this.mayEdit}
        ?has-file=${this.lyricsUrl !== undefined}
        @ud-seek=${({ ms }: SeekEvent) => this.#seek(ms)}
        @ud-lyrics-file=${({ lrc }: LyricsFileEvent) => void this.#saveLyrics(lrc)}
        @ud-lyrics-remove=${() => void this.#removeLyrics()}
      ></ud-lyrics>
    </div>`;
  }

  #transport(): TemplateResult {
    const { isWanted, wave } = this.session;
    const silent = this.muted || this.volume === 0;
    return html`<div class="transport">
      <ud-timeline
        ?tall=${wave !== undefined}
        .durationMs=${this.#durationMs}
        .positionMs=${this.positionMs}
        .wave=${wave}
        .version=${this.version}
        @ud-seek=${({ ms }: SeekEvent) => this.#seek(ms)}
      ></ud-timeline>
      <div class="controls">
        <button
          class="button icon play"
          type="button"
          aria-label=${isWanted ? texts.pause : texts.play}
          title=${isWanted ? texts.pause : texts.play}
          @click=${this.#toggle}
        >
          ${isWanted ? pauseIcon : playIcon}
        </button>
        <span class="time">${runningTime(this.positionMs)} / ${runningTime(this.#durationMs)}</span>
        <span class="space"></span>
        <button
          class="button quiet icon"
          type="button"
          aria-label=${silent ? texts.soundOn : texts.mute}
          title=${silent ? texts.soundOn : texts.mute}
          @click=${() => this.#setVolume(this.volume || 1, !silent)}
        >
          ${silent ? mutedIcon : soundIcon}
        </button>
        ${volumeSlider({
          label: texts.volume,
          volume: this.volume,
          muted: this.muted,
          changed: (volume) => this.#setVolume(volume, false),
        })}
      </div>
      <div class="told" role="status">${this.#told()}</div>
    </div>`;
  }

  /** The length of the stems; until they are known, that of the song. */
  get #durationMs(): number {
    return this.session.state.durationMs || this.session.song.source.duration_ms;
  }

  #mix(): TemplateResult {
    const text = texts.vocalsAt(Math.round(this.vocals * 100));
    return html`<div class="mix">
      <div class="vocals">
        <div class="row">
          <label for="vocals">${microphoneIcon}${texts.vocals}</label>
          <output for="vocals">${text}</output>
        </div>
        ${vocalsSlider({ share: this.vocals, text, changed: (share) => this.#setVocals(share) })}
        <div class="ends" aria-hidden="true"><span>${texts.off}</span><span>${texts.full}</span></div>
      </div>
      ${this.#keyRow()}
    </div>`;
  }

  #keyRow(): TemplateResult {
    const { semitones, canShift } = this.session;
    const can = canShift && canShiftPitch();
    const step = (by: 1 | -1): TemplateResult =>
      html`<button
        class="button small icon"
        type="button"
        aria-label=${by < 0 ? texts.lower : texts.higher}
        title=${by < 0 ? texts.lower : texts.higher}
        ?disabled=${!can || semitones === by * MOST_SEMITONES}
        @click=${() => void this.session.setKey(semitones + by)}
      >
        ${by < 0 ? '−' : '+'}
      </button>`;
    return html`<div>
      <div class="row key" role="group" aria-label=${texts.key}>
        <span class="label">${noteIcon}${texts.key}</span>
        <span class="space"></span>
        ${step(-1)}
        <output aria-label=${texts.keyLabel(semitones)}>${texts.keyAt(semitones)}</output>
        ${step(1)}
      </div>
      ${can ? nothing : html`<p class="hint">${canShift ? texts.keyInsecure : texts.keyFailed}</p>`}
    </div>`;
  }

  #files(): TemplateResult {
    const { session } = this;
    const save = (stem: Stem): TemplateResult =>
      html`<ud-download
        small
        .label=${texts.stems[stem]}
        .playing=${{ file: (...how: SaveParameters) => session.file(stem, ...how) }}
      ></ud-download>`;
    return html`<div class="files" role="group" aria-label=${texts.downloads}>
      ${save('vocals')} ${save('accompaniment')}
      <a class="button small quiet" href=${site(`/library/${session.song.source.item_id}`)}>${texts.song}</a>
    </div>`;
  }

  #told(): string {
    const { phase, error } = this.session.state;
    if (phase === 'waiting') return error === undefined ? texts.waiting : texts.unreachable;
    if (phase === 'opening') return texts.loading;
    return phase === 'refused' ? texts.refused : '';
  }

  /** Reads the position once a frame, and redraws only for visible changes. */
  #tick(): void {
    this.#frameRequest = requestAnimationFrame(() => this.#tick());
    const { session } = this as { session?: KaraokeSession };
    if (session === undefined) return;
    const ms = session.positionMs;
    if (Math.abs(ms - this.positionMs) >= 30) this.positionMs = ms;
  }

  readonly #toggle = (): void => {
    if (this.session.isWanted) this.session.pause();
    else this.session.play();
    this.requestUpdate();
  };

  #seek(ms: number): void {
    this.session.seek(ms);
    this.positionMs = ms;
  }

  #setVocals(share: number): void {
    this.vocals = share;
    this.session.setVocals(share);
    siteMemory.setItem(VOCALS, String(share));
  }

  #setVolume(volume: number, muted: boolean): void {
    this.volume = Math.min(1, Math.max(0, volume));
    this.muted = muted;
    this.session.setVolume(muted ? 0 : this.volume);
    siteMemory.setItem(VOLUME, String(this.volume));
  }

  readonly #key = (event: KeyboardEvent): void => {
    const focused = event.composedPath()[0];
    const element = focused instanceof HTMLElement ? (focused as Focused) : undefined;
    const inPlayer = event.composedPath().includes(this.frame);
    switch (deckCommandOf(event, element, { letters: lettersAreOn(), inPlayer })) {
      case 'play_pause':
        this.#toggle();
        break;
      case 'back':
        this.#seek(Math.max(0, this.positionMs - SKIP_MS));
        break;
      case 'forward':
        this.#seek(Math.min(this.session.state.durationMs, this.positionMs + SKIP_MS));
        break;
      case 'mute':
        this.#setVolume(this.volume || 1, !this.muted);
        break;
      default:
        return;
    }
    event.preventDefault();
  };

  async #saveLyrics(lrc: string): Promise<void> {
    const { source } = this.session.song;
    try {
      await this.library.setLyrics(source.item_id, lrc);
      const { lyrics_url } = await this.library.item(source.item_id);
      this.lyricsUrl = lyrics_url;
      await this.session.readLyrics(lyrics_url);
      toast(texts.lyrics.added);
    } catch {
      toast(texts.lyrics.failed, 'error');
    }
  }

  async #removeLyrics(): Promise<void> {
    try {
      await this.library.removeLyrics(this.session.song.source.item_id);
      this.lyricsUrl = undefined;
      await this.session.readLyrics(undefined);
      toast(texts.lyrics.removed);
    } catch {
      toast(texts.lyrics.failed, 'error');
    }
  }
}

function shareIn(name: string, otherwise: number): number {
  const kept = Number(siteMemory.getItem(name) ?? String(otherwise));
  return kept >= 0 && kept <= 1 ? kept : otherwise;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-karaoke': Karaoke;
  }
}
