// The invitation of a viewer to a private stream. It comes behind `#` in the link and is taken out of the address; with the grant
// that it brought it is kept for the tab, so that a reload is not another use.

import { takeFromFragment, type Address } from '../browser/fragment';
import type { Memory } from '../browser/storage';
import type { StreamId } from '../protocol/stream';

/** See the head of the file. */
export class Invited {
  readonly #memory: Memory;
  readonly #keys: { invitation: string; grant: string };
  #invitation: string | undefined;
  #grant: string | undefined;

  constructor(streamId: StreamId, memory: Memory, address?: Address) {
    this.#memory = memory;
    this.#keys = { invitation: `undead.invitation.${streamId}`, grant: `undead.invited.${streamId}` };
    const remembered = memory.getItem(this.#keys.invitation) ?? undefined;
    const given = takeFromFragment('invitation', address);
    this.#invitation = given ?? remembered;
    if (given !== undefined && given !== remembered) {
      memory.setItem(this.#keys.invitation, given);
      memory.removeItem(this.#keys.grant);
    }
    this.#grant = memory.getItem(this.#keys.grant) ?? undefined;
  }

  /** What the main server is shown; undefined for a viewer without one. */
  get invitation(): string | undefined {
    return this.#invitation;
  }

  /** The newest grant that it brought: shows that this viewer was let in before. */
  get grant(): string | undefined {
    return this.#grant;
  }

  /** The main server let this viewer in. */
  admitted(grant: string): void {
    if (this.#invitation === undefined) return;
    this.#grant = grant;
    this.#memory.setItem(this.#keys.grant, grant);
  }

  /** The invitation is no longer good: the next question, after a reload too, goes without. */
  forget(): void {
    this.#invitation = undefined;
    this.#grant = undefined;
    this.#memory.removeItem(this.#keys.invitation);
    this.#memory.removeItem(this.#keys.grant);
  }
}
