// Confirms and executes an action that cannot be undone: a dialog before, a toast with the result after.

import { html, type ReactiveController, type ReactiveElement, type TemplateResult } from 'lit';
import { isSignedOut, refusalText } from '../people/problems';
import type { Confirm } from './confirm';
import './confirm';
import { toast } from './toasts';

/** An action and its texts. */
export interface Question {
  heading: string;
  advice: string;
  /** Label of the confirming button. */
  action: string;
  /** Text of the toast afterwards. */
  done: string;
  act: () => Promise<unknown>;
}

/** The session has ended, but the view needs one. */
export class SessionOverEvent extends Event {
  constructor() {
    super('session-over', { bubbles: true, composed: true });
  }
}

/** Runs actions of a host, with or without confirmation. The host renders {@link dialog} once. */
export class Asking implements ReactiveController {
  readonly #host: ReactiveElement;
  /** Called after an action changed the displayed data. */
  readonly #changed: () => Promise<unknown>;
  #question: Question | undefined;

  constructor(host: ReactiveElement, changed: () => Promise<unknown>) {
    this.#host = host;
    this.#changed = changed;
    host.addController(this);
  }

  /** Asks, and acts when the person agrees. */
  ask(question: Question): void {
    this.#question = question;
    this.#host.requestUpdate();
    void this.#host.updateComplete.then(() => this.#host.renderRoot.querySelector<Confirm>('ud-confirm')?.ask());
  }

  /** Acts without asking. Returns whether it succeeded. */
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
