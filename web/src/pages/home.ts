// The start page: what Undead is, the button to go live, and the live streams.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { site } from '../browser/site';
import { strings } from '../strings';
import { broadcastIcon, noteIcon } from '../ui/icons';
import { ghostPicture } from '../ui/logo';
import '../ui/shell';
import '../ui/stream-list';
import { base, buttons } from '../ui/styles';

@customElement('ud-home-page')
export class HomePage extends LitElement {
  static override styles = [
    base,
    buttons,
    css`
      .hero {
        display: grid;
        justify-items: center;
        gap: 18px;
        padding: clamp(20px, 4vw, 48px) 0 clamp(40px, 6vw, 72px);
        text-align: center;
      }
      .ghost {
        width: clamp(64px, 9vw, 92px);
        color: var(--ud-accent);
        animation: float 5s ease-in-out infinite;
        animation-play-state: var(--ud-loops);
      }
      .ghost svg {
        display: block;
      }
      @keyframes float {
        50% {
          transform: translateY(-9px);
        }
      }
      h1 {
        font-size: var(--ud-text-display);
        line-height: 1.04;
        letter-spacing: -0.045em;
      }
      .hero p {
        max-width: 36rem;
        color: var(--ud-muted);
        font-size: clamp(1.0625rem, 2vw, 1.25rem);
        text-wrap: balance;
      }
      .ways {
        display: flex;
        flex-wrap: wrap;
        justify-content: center;
        gap: 12px;
        width: 100%;
        margin-top: var(--ud-space-2);
      }
      .button {
        min-width: min(100%, 220px);
      }
      h2 {
        margin-bottom: 20px;
        font-size: var(--ud-text-xl);
      }
      @media (max-width: 480px) {
        .button {
          width: 100%;
        }
      }
      @media (max-height: 480px) {
        .hero {
          gap: 10px;
          padding-block: 4px 32px;
        }
        .ghost {
          width: 48px;
        }
        h1 {
          font-size: 2.5rem;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    const { home } = strings;
    return html`<ud-shell current="home">
      <section class="hero">
        <div class="ghost">${ghostPicture}</div>
        <h1>${home.heading}</h1>
        <p>${home.advice}</p>
        <div class="ways">
          <a class="button primary big" href=${site('/live')}>${broadcastIcon} ${home.goLive}</a>
          <a class="button big" href=${site('/parties#start')}>${noteIcon} ${home.party}</a>
        </div>
      </section>
      <section aria-labelledby="now">
        <h2 id="now">${home.now}</h2>
        <ud-stream-list></ud-stream-list>
      </section>
    </ud-shell>`;
  }
}
