// <ud-shell current="live|view|library|parties|…">: the frame of every page: a header with wordmark, navigation and
// appearance, the page in the default slot, a footer, toasts; the account menu in the slot `account`. `compact` omits
// the footer, `bare` the whole frame (embedded players).

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { site } from '../browser/site';
import { strings } from '../strings';
import { appearance, chooseAppearance, type Appearance, type Theme } from './appearance';
import { appearanceIcon, broadcastIcon } from './icons';
import { ghostPicture } from './logo';
import type { MenuItem, PickEvent } from './menu';
import './menu';
import { base, buttons } from './styles';
import './toasts';

const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

@customElement('ud-shell')
export class Shell extends LitElement {
  /** The current page. The pages `home` and `live` have their own button to go live. */
  @property() current: 'home' | 'live' | 'view' | 'library' | 'parties' | 'other' = 'other';
  @property({ type: Boolean }) compact = false;
  @property({ type: Boolean }) bare = false;
  @state() private appearance: Appearance = appearance();

  static override styles = [
    base,
    buttons,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 100vh;
        min-height: 100dvh;
        background: radial-gradient(60rem 26rem at 50% -12rem, var(--ud-bg-glow), transparent) no-repeat;
      }
      .skip {
        position: absolute;
        left: 12px;
        top: -60px;
        z-index: 10;
      }
      .skip:focus {
        top: 12px;
      }
      header,
      main,
      footer {
        width: 100%;
        max-width: calc(var(--ud-width) + 2 * var(--ud-gutter));
        margin: 0 auto;
        padding-inline: var(--ud-gutter);
      }
      header {
        display: flex;
        align-items: center;
        gap: var(--ud-space-2);
        min-height: var(--ud-header);
      }
      .brand {
        display: inline-flex;
        align-items: center;
        gap: 9px;
        min-height: var(--ud-target);
        margin-right: auto;
        padding-right: 8px;
        color: var(--ud-text);
        font-size: var(--ud-text-xl);
        font-weight: 750;
        letter-spacing: -0.035em;
        text-decoration: none;
      }
      .brand svg {
        width: 30px;
        height: 30px;
        color: var(--ud-accent);
      }
      nav {
        display: flex;
        align-items: center;
        gap: 6px;
      }
      nav .button[aria-current='page'] {
        background: var(--ud-surface-2);
      }
      nav .button svg {
        color: var(--ud-accent);
      }
      ud-menu svg {
        width: 20px;
        height: 20px;
      }
      main {
        flex: 1;
        padding-block: 12px 48px;
      }
      main:focus {
        outline: none;
        box-shadow: none;
      }
      :host([bare]) main {
        max-width: none;
        padding: 0;
      }
      footer {
        padding-block: 20px 28px;
        color: var(--ud-muted);
        font-size: var(--ud-text-s);
      }
      @media (max-width: 480px) {
        header {
          gap: 2px;
        }
        nav {
          gap: 2px;
        }
        nav .button {
          padding-inline: 10px;
          font-size: var(--ud-text-s);
        }
        nav .live {
          width: var(--ud-target);
          padding: 0;
        }
        /* For screen readers only. */
        nav .live span {
          position: absolute;
          width: 1px;
          height: 1px;
          overflow: hidden;
          clip-path: inset(50%);
        }
        .brand span {
          display: none;
        }
      }
      @media (max-width: 400px) {
        nav {
          gap: 0;
        }
        nav .button {
          padding-inline: 6px;
        }
        .brand {
          padding-right: 0;
        }
      }
      @media (max-width: 370px) {
        nav .button {
          padding-inline: 4px;
          font-size: var(--ud-text-xs);
        }
        nav .live {
          width: 36px;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    if (this.bare) return html`<main><slot></slot></main>`;
    const { shell } = strings;
    return html`
      <header>
        <button class="skip button" type="button" @click=${this.#skip}>${shell.skip}</button>
        <a class="brand" href=${site('/')} aria-label=${shell.home}
          >${ghostPicture}<span aria-hidden="true">undead</span></a
        >
        <nav aria-label=${shell.navigation}>
          <a class="button quiet" href=${site('/view')} aria-current=${this.current === 'view' ? 'page' : 'false'}>
            ${shell.watch}
          </a>
          <a
            class="button quiet"
            href=${site('/library')}
            aria-current=${this.current === 'library' ? 'page' : 'false'}
          >
            ${shell.library}
          </a>
          <a
            class="button quiet"
            href=${site('/parties')}
            aria-current=${this.current === 'parties' ? 'page' : 'false'}
          >
            ${shell.parties}
          </a>
          ${
            this.current === 'home' || this.current === 'live'
              ? nothing
              : html`<a class="button live" href=${site('/live')}>${broadcastIcon} <span>${shell.goLive}</span></a>`
          }
        </nav>
        <slot name="account"></slot>
        <ud-menu .label=${strings.appearance.label} .items=${this.#choices()} @pick=${this.#picked}>
          ${appearanceIcon}
        </ud-menu>
      </header>
      <main id="main" tabindex="-1"><slot></slot></main>
      ${this.compact ? nothing : html`<footer>${shell.footer}</footer>`}
      <ud-toasts></ud-toasts>
    `;
  }

  #choices(): MenuItem[] {
    const { theme, motion } = this.appearance;
    const themes = THEMES.map((id) => ({ id, label: strings.appearance[id], checked: id === theme, group: 'theme' }));
    return [...themes, { id: 'motion', label: strings.appearance.motion, checked: motion }];
  }

  readonly #picked = ({ id }: PickEvent): void => {
    const theme = THEMES.find((known) => known === id);
    const { motion } = this.appearance;
    this.appearance = theme ? { theme, motion } : { ...this.appearance, motion: !motion };
    chooseAppearance(this.appearance);
  };

  #skip(): void {
    this.renderRoot.querySelector('main')?.focus();
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-shell': Shell;
  }
}
