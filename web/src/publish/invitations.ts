// The invitations to one stream of this page: creates, lists and revokes them with the stream's own grant. The server
// tells a link only once; the page keeps the links that it created while it is open, so that they can be copied again.

import type { People } from '../api/people';
import type { InvitationInfo, NewInvitation } from '../protocol/account';
import type { StreamId } from '../protocol/stream';

/** Dependencies of invitations. */
export interface InvitationsSetup {
  people: Pick<People, 'invitations' | 'invite' | 'revokeInvitation'>;
  streamId: StreamId;
  /** The stream's newest publish grant. */
  grant: () => string;
  /** The page's address, to make links absolute. */
  page: string;
}

/** An invitation, with its link if this page made it. */
export interface Invitation extends InvitationInfo {
  link: string | undefined;
}

/** Manages the invitations of one stream. All methods throw a CallError on refusal. */
export class Invitations {
  readonly #setup: InvitationsSetup;
  /** Links by invitation id. */
  readonly #links = new Map<string, string>();

  constructor(setup: InvitationsSetup) {
    this.#setup = setup;
  }

  /** The invitations that are not revoked, newest first. */
  async list(): Promise<Invitation[]> {
    const { people, streamId, grant } = this.#setup;
    const known = await people.invitations(streamId, grant());
    const withLinks = known.map((invitation) => ({ ...invitation, link: this.#links.get(invitation.invitation_id) }));
    return withLinks.toSorted((a, b) => b.created_at_ms - a.created_at_ms);
  }

  /** Creates an invitation and returns its link. */
  async make(invitation: NewInvitation): Promise<string> {
    const { people, streamId, grant, page } = this.#setup;
    const { invitation_id, url } = await people.invite(streamId, grant(), invitation);
    const link = new URL(url, page).href;
    this.#links.set(invitation_id, link);
    return link;
  }

  /** Revokes an invitation. Viewers admitted by it are disconnected. */
  async revoke({ invitation_id }: Pick<InvitationInfo, 'invitation_id'>): Promise<void> {
    const { people, streamId, grant } = this.#setup;
    await people.revokeInvitation(streamId, grant(), invitation_id);
  }
}

/** Whether an invitation still admits viewers. */
export function invitationState(
  { uses, used, expires_at_ms }: InvitationInfo,
  nowMs: number,
): 'open' | 'used_up' | 'expired' {
  if (expires_at_ms !== undefined && expires_at_ms <= nowMs) return 'expired';
  return uses !== undefined && used >= uses ? 'used_up' : 'open';
}
