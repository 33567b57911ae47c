// <ud-continue-offer>: a stream of this tab that is not over, after a reload or in a duplicated tab, where it may be live
// in the other one. Sends `continue` and, once that is confirmed, `end`.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import type { StreamInfo } from '../../protocol/stream';
import { isolated } from '../../protocol/title';
import type { Confirm } from '../confirm';
import '../confirm';
import { viewers } from '../format';
import '../notice';
import { base, buttons } from '../styles';

@customElement('ud-continue-offer')
export class ContinueOffer extends LitElement {
  /** The title of the stream. */
  @property() heading = '';
  /** What the main server knows of the stream, once it told. */
  @property({ attribute: false }) info: Pick<StreamInfo, 'state' | 'viewers'> | undefined;
  @property({ type: Boolean }) busy = false;
  @query('ud-confirm') declare private confirm: Confirm;

  static override styles = [
    base,
    buttons,
    css`
      :host {
        display: block;
      }
    `,
  ];

  override render(): TemplateResult {
    const title = `“${isolated(this.heading)}”`;
    const live = this.info?.state === 'live';
    const [heading, advice] = live
      ? [`${title} is live`, 'Another tab or window is sharing it right now. Continue here, and that one stops.']
      : [`${title} is still open`, 'Continue where you left off?'];
    return html`<ud-notice kind=${live ? 'warn' : 'info'} heading=${heading} advice=${advice}>
        <button class="button primary" type="button" ?disabled=${this.busy} @click=${() => this.#send('continue')}>
          Continue
        </button>
        <button class="button" type="button" ?disabled=${this.busy} @click=${() => this.confirm.ask()}>End it</button>
      </ud-notice>
      <ud-confirm
        heading="End ${title}?"
        advice=${endingAdvice(live, this.info?.viewers ?? 0)}
        action="End for everyone"
        @confirm=${() => this.#send('end')}
      ></ud-confirm>`;
  }

  #send(name: 'continue' | 'end'): void {
    this.dispatchEvent(new Event(name));
  }
}

/** What ending a stream means, for the person who is about to do it. */
export function endingAdvice(live: boolean, watching: number): string {
  const who = live && watching > 0 ? `for all who watch, ${viewers(watching)} right now` : 'for everyone';
  return `${live ? 'It is live. ' : ''}It ends ${who}, and cannot be started again.`;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-continue-offer': ContinueOffer;
  }
}
