// <ud-shell current="live|view">: the frame of every page. Header with wordmark and navigation, the page in the
// default slot, a footer. `compact` leaves the footer out, `bare` both (embedded players).

import { LitElement, css, html, nothing, svg, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { broadcastIcon } from './icons';
import { ghost } from './logo';
import { base, buttons } from './styles';

@customElement('ud-shell')
export class Shell extends LitElement {
  /** Which entry of the navigation this page is. */
  @property() current: 'home' | 'live' | 'view' = 'home';
  @property({ type: Boolean }) compact = false;
  @property({ type: Boolean }) bare = false;

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
        gap: 8px;
        min-height: 68px;
      }
      .brand {
        display: inline-flex;
        align-items: center;
        gap: 9px;
        margin-right: auto;
        padding: 6px 8px 6px 0;
        color: var(--ud-text);
        font-size: 1.375rem;
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
        font-size: 0.875rem;
      }
      @media (max-width: 360px) {
        .brand span {
          display: none;
        }
      }
      @media (max-width: 480px) {
        header {
          min-height: 60px;
        }
        nav .button {
          min-height: 40px;
          padding-inline: 13px;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    if (this.bare) return html`<main><slot></slot></main>`;
    return html`
      <a class="skip button" href="#main" @click=${this.#skip}>Skip to content</a>
      <header>
        <a class="brand" href="/" aria-label="Undead, start page">
          <svg viewBox="0 0 32 32" aria-hidden="true">${ghost}</svg>
          <span>undead</span>
        </a>
        <nav aria-label="Main">
          ${this.#entry('view', '/view', 'Watch')}
          ${this.current === 'live' ? nothing : html`<a class="button primary" href="/live">${broadcastIcon} Go live</a>`}
        </nav>
      </header>
      <main id="main" tabindex="-1"><slot></slot></main>
      ${this.compact ? nothing : html`<footer>Undead. Live streams that outlive their servers.</footer>`}
    `;
  }

  #entry(name: 'live' | 'view', href: string, label: string): TemplateResult {
    return html`<a class="button quiet" href=${href} aria-current=${this.current === name ? 'page' : 'false'}>
      ${label}
    </a>`;
  }

  #skip(event: Event): void {
    event.preventDefault();
    this.renderRoot.querySelector('main')?.focus();
  }
}

/** The ghost alone, for places that need a picture where there is none. */
export const ghostPicture: TemplateResult = html`<svg viewBox="0 0 32 32" aria-hidden="true">${svg`${ghost}`}</svg>`;

declare global {
  interface HTMLElementTagNameMap {
    'ud-shell': Shell;
  }
}
