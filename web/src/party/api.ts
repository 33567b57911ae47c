// The main server's calls about parties. No DOM.

import { MainServer, bearer } from '../api/client';
import type { ServerEvent } from '../api/event-stream';
import type { InvitationInfo, InvitationMade, NewInvitation } from '../protocol/account';
import type { ClockAnswer } from '../protocol/event';
import type { Playable } from '../protocol/item';
import type {
  CommandDone,
  CreateParty,
  JoinParty,
  Membership,
  PartyCommand,
  PartyCreated,
  PartyId,
  PartyPage,
  PartyState,
  ReportPlayback,
  Target,
} from '../protocol/party';
import type { AskForNodes, Assignment } from '../protocol/stream';

/** A party's events are silent for 8 s at most. After more than twice that, the connection is broken. */
const SILENT_MS = 20_000;

/** Filters of the list of parties. */
export interface PartyQuery {
  /** Words in the title. */
  q?: string;
  limit?: number;
  /** The start of the page, from the previous one. */
  cursor?: string | undefined;
}

/** The calls about parties. All methods throw a CallError on refusal; `token` is a member's. */
export class Parties {
  readonly #server: Pick<MainServer, 'call' | 'send' | 'events'>;

  constructor(server: Pick<MainServer, 'call' | 'send' | 'events'> = new MainServer()) {
    this.#server = server;
  }

  /** A page of the parties that the caller may see. */
  list(query: PartyQuery = {}, signal?: AbortSignal): Promise<PartyPage> {
    const fields = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      if (value !== undefined && value !== '') fields.set(name, String(value));
    return this.#server.call(fields.size === 0 ? '/api/parties' : `/api/parties?${fields.toString()}`, { signal });
  }

  /** Creates a party with the caller as its host. */
  create(body: CreateParty): Promise<PartyCreated> {
    return this.#server.call('/api/parties', { method: 'POST', body });
  }

  state(id: PartyId, token?: string, signal?: AbortSignal): Promise<PartyState> {
    return this.#server.call(path(id), { signal, ...bearer(token) });
  }

  join(id: PartyId, body: JoinParty): Promise<Membership> {
    return this.#server.call(`${path(id)}/join`, { method: 'POST', body });
  }

  async leave(id: PartyId, token: string): Promise<void> {
    await this.#server.send(`${path(id)}/leave`, { method: 'POST', credential: token });
  }

  command(id: PartyId, token: string, body: PartyCommand): Promise<CommandDone> {
    const kind = body.command;
    return this.#server.call(`${path(id)}/commands`, { method: 'POST', body, credential: token, kind });
  }

  async report(id: PartyId, token: string, body: ReportPlayback): Promise<void> {
    await this.#server.send(`${path(id)}/report`, { method: 'POST', body, credential: token });
  }

  /** A grant to read the media of a playing or queued item, and the nodes that serve it. */
  playItem(id: PartyId, token: string, target: Target): Promise<Playable> {
    return this.#server.call(`${path(id)}/play`, { method: 'POST', body: target, credential: token });
  }

  /** Where to watch a live stream that is playing or queued. */
  playStream(id: PartyId, token: string, target: Target & AskForNodes): Promise<Assignment> {
    return this.#server.call(`${path(id)}/play`, { method: 'POST', body: target, credential: token });
  }

  /** The party's events, until the connection breaks, the party ends or `signal` aborts. */
  events(id: PartyId, token: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
    return this.#server.events(signal, `${path(id)}/events`, token, SILENT_MS);
  }

  /** The server's clock. */
  clock(t0_ms: number, signal?: AbortSignal): Promise<ClockAnswer> {
    return this.#server.call('/api/clock', { method: 'POST', body: { t0_ms }, anonymous: true, signal });
  }

  /** Lists the invitations; for the host and operators. */
  invitations(id: PartyId, token: string): Promise<InvitationInfo[]> {
    return this.#server.call(`${path(id)}/invitations`, bearer(token));
  }

  /** Creates an invitation; for the host and operators. */
  invite(id: PartyId, token: string, body: NewInvitation): Promise<InvitationMade> {
    return this.#server.call(`${path(id)}/invitations`, { method: 'POST', body, credential: token });
  }

  /** Revokes an invitation; for the host and operators. Members whom it admitted are removed. */
  async revokeInvitation(id: PartyId, token: string, invitationId: string): Promise<void> {
    const url = `${path(id)}/invitations/${encodeURIComponent(invitationId)}`;
    await this.#server.send(url, { method: 'DELETE', credential: token });
  }

  /** Names of accounts that begin with `q`, which must have at least two characters; for signed-in people. */
  people(q: string, signal?: AbortSignal): Promise<string[]> {
    return this.#server.call(`/api/people?q=${encodeURIComponent(q)}`, { signal });
  }
}

function path(id: PartyId): string {
  return `/api/parties/${encodeURIComponent(id)}`;
}
