// What elements of a party ask of the page: a command to the server, or something in the page.

import type { PartyAction } from '../../protocol/party';

/** The person asks for something in the party. */
export class ActionEvent extends Event {
  constructor(
    readonly action: PartyAction,
    /** What a toast says when it is done; nothing if left out. */
    readonly done?: string,
    /** Is told that it was not done. */
    readonly failed?: () => void,
  ) {
    super('ud-party-action', { bubbles: true, composed: true });
  }
}

/** The person asks the page to show something. */
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
