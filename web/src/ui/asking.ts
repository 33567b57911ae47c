// Asks before something that cannot be undone, does it, and says how that went: a dialog before, a toast after.

import { html, type ReactiveController, type ReactiveElement, type TemplateResult } from 'lit';
import { isSignedOut, refusalText } from '../people/problems';
import type { Confirm } from './confirm';
import './confirm';
import { toast } from './toasts';

/** What is asked before it is done. */
export interface Question {
  heading: string;
  advice: string;
  /** What the button that agrees says. */
  action: string;
  /** What a toast says afterwards. */
  done: string;
  act: () => Promise<unknown>;
}

/** The session is over: what is shown needs one. */
export class SessionOverEvent extends Event {
  constructor() {
    super('session-over', { bubbles: true, composed: true });
  }
}

/** See the head of the file. The host renders {@link dialog} once. */
export class Asking implements ReactiveController {
  readonly #host: ReactiveElement;
  /** What was done changed what is shown. */
  readonly #changed: () => Promise<unknown>;
  #question: Question | undefined;

  constructor(host: ReactiveElement, changed: () => Promise<unknown>) {
    this.#host = host;
    this.#changed = changed;
    host.addController(this);
  }

  /** Asks, and does it when the person agrees. */
  ask(question: Question): void {
    this.#question = question;
    this.#host.requestUpdate();
    void this.#host.updateComplete.then(() => this.#host.renderRoot.querySelector<Confirm>('ud-confirm')?.ask());
  }

  /** Does it without asking. True when it worked. */
  async run({ act, done }: Pick<Question, 'act' | 'done'>): Promise<boolean> {
    try {
      await act();
      toast(done);
      await this.#changed();
      return true;
    } catch (error) {
      if (isSignedOut(error)) this.#host.dispatchEvent(new SessionOverEvent());
      else toast(refusalText(error), 'error');
      return false;
    }
  }

  /** The dialog. */
  dialog(): TemplateResult {
    const { heading = '', advice = '', action = '' } = this.#question ?? {};
    return html`<ud-confirm
      heading=${heading}
      advice=${advice}
      action=${action}
      @confirm=${() => this.#question && void this.run(this.#question)}
    ></ud-confirm>`;
  }

  hostConnected(): void {
    this.#question = undefined;
  }
}
