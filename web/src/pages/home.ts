// The start page: what this is, the two things to do, and what is live now.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { broadcastIcon, playIcon } from '../ui/icons';
import { ghostPicture } from '../ui/shell';
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
        padding: clamp(24px, 4vw, 52px) 0 clamp(44px, 6vw, 76px);
        text-align: center;
      }
      .ghost {
        width: clamp(64px, 9vw, 92px);
        color: var(--ud-accent);
        animation: float 5s ease-in-out infinite;
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
        max-width: 15ch;
        font-size: clamp(2.4rem, 7.2vw, 4.4rem);
        line-height: 1.02;
        letter-spacing: -0.045em;
      }
      .hero p {
        max-width: 38rem;
        color: var(--ud-muted);
        font-size: clamp(1.0625rem, 2vw, 1.25rem);
        text-wrap: balance;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        justify-content: center;
        gap: 12px;
        margin-top: 8px;
      }
      h2 {
        margin-bottom: 20px;
        font-size: 1.375rem;
      }
      @media (max-width: 480px) {
        .actions {
          width: 100%;
        }
        .actions .button {
          flex: 1 1 100%;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<ud-shell current="home">
      <section class="hero">
        <div class="ghost">${ghostPicture}</div>
        <h1>Go live. Stay live.</h1>
        <p>
          Share your screen from the browser. Everyone with the link sees it a heartbeat later. No install, no account.
        </p>
        <div class="actions">
          <a class="button primary big" href="/live">${broadcastIcon} Go live</a>
          <a class="button big" href="/view">${playIcon} Watch</a>
        </div>
      </section>
      <section aria-labelledby="now">
        <h2 id="now">Live now</h2>
        <ud-stream-list></ud-stream-list>
      </section>
    </ud-shell>`;
  }
}
