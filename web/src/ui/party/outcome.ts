// <ud-party-outcome kind may-return may-sign-in>: shown in place of a party that has ended, that the person left or was
// removed from, or that does not exist. Sends `ud-return`. The default slot holds what may help, such as signing in.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { site } from '../../browser/site';
import type { EndReason } from '../../protocol/party';
import { strings } from '../../strings';
import { ghostPicture } from '../logo';
import { base, block, buttons } from '../styles';

const texts = strings.parties;

@customElement('ud-party-outcome')
export class Outcome extends LitElement {
  @property() kind: EndReason | 'nowhere' = 'nowhere';
  @property({ type: Boolean, attribute: 'may-return' }) mayReturn = false;
  /** Whether signing in may help; the default slot then has the form. */
  @property({ type: Boolean, attribute: 'may-sign-in' }) maySignIn = false;

  static override styles = [
    base,
    block,
    buttons,
    css`
      section {
        display: grid;
        justify-items: center;
        gap: 14px;
        max-width: 30rem;
        margin: clamp(16px, 9vh, 96px) auto 0;
        text-align: center;
      }
      .ghost {
        width: 72px;
        color: var(--ud-accent);
      }
      .ghost svg {
        display: block;
      }
      h1 {
        font-size: var(--ud-text-2xl);
        letter-spacing: -0.03em;
      }
      p {
        color: var(--ud-muted);
        text-wrap: balance;
      }
      .ways {
        display: flex;
        flex-wrap: wrap;
        justify-content: center;
        gap: 10px;
        margin-top: 6px;
      }
      details {
        width: min(100%, 24rem);
        margin-top: 8px;
        text-align: left;
      }
      summary {
        min-height: var(--ud-target);
        padding: 10px 0;
        color: var(--ud-accent);
        font-weight: 600;
        text-align: center;
        cursor: pointer;
      }
    `,
  ];

  override render(): TemplateResult {
    const { heading, advice } = this.kind === 'nowhere' ? texts.nowhere : texts.over[this.kind];
    return html`<section>
      <div class="ghost">${ghostPicture}</div>
      <h1>${heading}</h1>
      <p>${advice}</p>
      <div class="ways">
        ${
          this.mayReturn
            ? html`<button
                class="button primary"
                type="button"
                @click=${() => this.dispatchEvent(new Event('ud-return'))}
              >
                ${texts.over.again}
              </button>`
            : nothing
        }
        <a class="button" href=${site('/parties')}>${texts.nowhere.parties}</a>
      </div>
      ${
        this.maySignIn
          ? html`<details>
              <summary>${texts.nowhere.signIn}</summary>
              <slot></slot>
            </details>`
          : nothing
      }
    </section>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-outcome': Outcome;
  }
}
