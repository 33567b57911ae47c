// Events from elements of a party to the page: a command for the server, or something to show.

import type { PartyAction } from '../../protocol/party';

/** The person wants to change the party. */
export class ActionEvent extends Event {
  constructor(
    readonly action: PartyAction,
    /** Text of a toast after success; none if left out. */
    readonly done?: string,
    /** Called after a failure. */
    readonly failed?: () => void,
  ) {
    super('ud-party-action', { bubbles: true, composed: true });
  }
}

/** The person opens a dialog of the page. */
export class ShowEvent extends Event {
  constructor(readonly what: 'add' | 'share' | 'settings') {
    super('ud-party-show', { bubbles: true, composed: true });
  }
}

declare global {
  interface HTMLElementEventMap {
    'ud-party-action': ActionEvent;
    'ud-party-show': ShowEvent;
  }
}
