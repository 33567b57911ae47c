// <ud-live-setup>: what to decide before going live. Sends `settings` on every change and `go-live` when asked to.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { MAX_TITLE_CHARS } from '../../protocol/title';
import { QUALITIES } from '../../publish/broadcast';
import { DEFAULT_TITLE, type Settings } from '../../publish/settings';
import { sizeText } from '../../publish/size';
import { fields } from '../fields';
import { broadcastIcon } from '../icons';
import { base, buttons } from '../styles';

/** What was chosen has changed. */
export class SettingsEvent extends Event {
  constructor(readonly settings: Settings) {
    super('settings', { bubbles: true, composed: true });
  }
}

/** The person wants to be live, for all who have the passphrase if there is one. */
export class GoLiveEvent extends Event {
  constructor(readonly passphrase: string) {
    super('go-live', { bubbles: true, composed: true });
  }
}

@customElement('ud-live-setup')
export class LiveSetup extends LitElement {
  @property({ attribute: false }) declare settings: Settings;
  /** Whether a source is chosen; if not, going live begins with choosing one. */
  @property({ type: Boolean }) ready = false;
  @property({ type: Boolean }) busy = false;
  @state() private passphrase = '';

  static override styles = [
    base,
    buttons,
    fields,
    css`
      form {
        display: grid;
        gap: 18px;
      }
      fieldset {
        min-width: 0;
        margin: 0;
        padding: 0;
        border: 0;
      }
      legend {
        margin-bottom: 6px;
        padding: 0;
      }
      summary {
        padding: 4px 0;
        color: var(--ud-muted);
        font-size: 0.9375rem;
        font-weight: 600;
        cursor: pointer;
      }
      .more {
        display: grid;
        gap: 14px;
        padding-top: 12px;
      }
    `,
  ];

  override render(): TemplateResult {
    const { title, microphone } = this.settings;
    return html`<form @submit=${this.#goLive}>
      <div class="field">
        <label for="title">Title</label>
        <input
          id="title"
          type="text"
          autocomplete="off"
          maxlength=${MAX_TITLE_CHARS}
          placeholder=${DEFAULT_TITLE}
          .value=${title}
          @input=${(event: InputEvent) => this.#change({ title: valueOf(event) })}
        />
      </div>
      <label class="check">
        <input
          type="checkbox"
          .checked=${microphone}
          @change=${(event: Event) => this.#change({ microphone: (event.target as HTMLInputElement).checked })}
        />
        Add my microphone
      </label>
      <details>
        <summary>More options</summary>
        <div class="more">${this.#quality()} ${this.#audience()}</div>
      </details>
      <button class="button live big" ?disabled=${this.busy}>
        ${broadcastIcon} ${this.busy ? 'Going live…' : 'Go live'}
      </button>
      ${this.ready ? nothing : html`<p class="hint">You will choose what to share, and are live right after.</p>`}
    </form>`;
  }

  #quality(): TemplateResult {
    return html`<fieldset>
      <legend>Picture</legend>
      <div class="choices">
        ${QUALITIES.map(
          ({ name, videoBitsPerSecond, size }) =>
            html`<label title="${videoBitsPerSecond / 1_000_000} Mbit/s, up to ${sizeText(size)}">
              <input
                type="radio"
                name="quality"
                .checked=${name === this.settings.quality}
                @change=${() => this.#change({ quality: name })}
              />${name}
            </label>`,
        )}
      </div>
    </fieldset>`;
  }

  #audience(): TemplateResult {
    const { listed } = this.settings;
    const passphrase = html`<div class="field">
      <label for="passphrase">Passphrase <span class="hint">if you want one</span></label>
      <input
        id="passphrase"
        type="password"
        autocomplete="new-password"
        .value=${this.passphrase}
        @input=${(event: InputEvent) => (this.passphrase = valueOf(event))}
      />
    </div>`;
    return html`<label class="check">
        <input
          type="checkbox"
          .checked=${!listed}
          @change=${(event: Event) => this.#change({ listed: !(event.target as HTMLInputElement).checked })}
        />
        Only for people who have the link
      </label>
      ${listed ? nothing : passphrase}`;
  }

  #change(change: Partial<Settings>): void {
    this.settings = { ...this.settings, ...change };
    this.dispatchEvent(new SettingsEvent(this.settings));
  }

  #goLive(event: SubmitEvent): void {
    event.preventDefault();
    this.dispatchEvent(new GoLiveEvent(this.settings.listed ? '' : this.passphrase));
  }
}

function valueOf(event: Event): string {
  return (event.target as HTMLInputElement).value;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-live-setup': LiveSetup;
  }
}
