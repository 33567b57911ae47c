// <ud-continue-offer>: a stream of this tab that has not ended, after a reload or in a duplicated tab (where it may be
// live in the other one). Sends `continue` and, after confirmation, `end`.

import { LitElement, html, type TemplateResult } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import type { StreamInfo } from '../../protocol/stream';
import { isolated } from '../../protocol/title';
import { strings } from '../../strings';
import type { Confirm } from '../confirm';
import '../confirm';
import { viewers } from '../format';
import '../notice';
import { base, block, buttons } from '../styles';

const texts = strings.live.offer;

@customElement('ud-continue-offer')
export class ContinueOffer extends LitElement {
  /** The title of the stream. */
  @property() heading = '';
  /** The stream's state at the main server, once known. */
  @property({ attribute: false }) info: Pick<StreamInfo, 'state' | 'viewers'> | undefined;
  @property({ type: Boolean }) busy = false;
  @query('ud-confirm') declare private confirm: Confirm;

  static override styles = [base, block, buttons];

  override render(): TemplateResult {
    const title = texts.quoted(isolated(this.heading));
    const live = this.info?.state === 'live';
    const [heading, advice] = live ? [texts.live(title), texts.liveAdvice] : [texts.open(title), texts.openAdvice];
    return html`<ud-notice kind=${live ? 'warn' : 'info'} heading=${heading} advice=${advice}>
        <button class="button primary" type="button" ?disabled=${this.busy} @click=${() => this.#send('continue')}>
          ${texts.continue}
        </button>
        <button class="button" type="button" ?disabled=${this.busy} @click=${() => this.confirm.ask()}>
          ${texts.end}
        </button>
      </ud-notice>
      <ud-confirm
        heading=${texts.endHeading(title)}
        advice=${endingAdvice(live, this.info?.viewers ?? 0)}
        action=${strings.live.ending.action}
        @confirm=${() => this.#send('end')}
      ></ud-confirm>`;
  }

  #send(name: 'continue' | 'end'): void {
    this.dispatchEvent(new Event(name));
  }
}

/** The consequences of ending a stream, for the person who is about to do it. */
export function endingAdvice(live: boolean, watching: number): string {
  const { isLive, forViewers, forAll } = strings.live.ending;
  return (live ? isLive : '') + (live && watching > 0 ? forViewers(viewers(watching)) : forAll);
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-continue-offer': ContinueOffer;
  }
}
