// The main server's calls about people: signing in, accounts, stream keys, invitations. The session is a cookie that
// pages cannot read; browsers send it with each call.

import type {
  AccountInfo,
  InvitationInfo,
  InvitationMade,
  Me,
  NewInvitation,
  Role,
  StreamKeyInfo,
  StreamKeyMade,
} from '../protocol/account';
import type { StreamId } from '../protocol/stream';
import { MainServer, bearer } from './client';

/** The calls about people. All methods throw a CallError on refusal. */
export class People {
  readonly #server: Pick<MainServer, 'call' | 'send'>;

  constructor(server: Pick<MainServer, 'call' | 'send'> = new MainServer()) {
    this.#server = server;
  }

  /** Who is signed in, and whether that account, or `streamKey`, may go live. */
  me(streamKey?: string): Promise<Me> {
    return this.#server.call('/api/me', bearer(streamKey));
  }

  async signIn(name: string, password: string): Promise<void> {
    await this.#server.send('/api/login', { method: 'POST', body: { name, password } });
  }

  /** Ends this session, or every session of the account. */
  async signOut(everywhere = false): Promise<void> {
    await this.#server.send('/api/logout', { method: 'POST', body: everywhere ? { everywhere } : {} });
  }

  /** Creates the first operator and signs in. `token` is from the link that the main server printed. */
  async setUp(token: string, name: string, password: string): Promise<void> {
    await this.#server.send('/api/setup', { method: 'POST', body: { token, name, password } });
  }

  async changeOwnPassword(old: string, password: string): Promise<void> {
    await this.#server.send('/api/me/password', { method: 'PUT', body: { old, new: password } });
  }

  accounts(): Promise<AccountInfo[]> {
    return this.#server.call('/api/accounts');
  }

  async addAccount(name: string, password: string, role: Role): Promise<void> {
    await this.#server.send('/api/accounts', { method: 'POST', body: { name, password, role } });
  }

  async changeAccount(name: string, change: { password?: string; role?: Role }): Promise<void> {
    await this.#server.send(`/api/accounts/${encodeURIComponent(name)}`, { method: 'PATCH', body: change });
  }

  async removeAccount(name: string): Promise<void> {
    await this.#server.send(`/api/accounts/${encodeURIComponent(name)}`, { method: 'DELETE' });
  }

  /** All stream keys for an operator, their own for a broadcaster. */
  streamKeys(): Promise<StreamKeyInfo[]> {
    return this.#server.call('/api/stream-keys');
  }

  makeStreamKey(name: string): Promise<StreamKeyMade> {
    return this.#server.call('/api/stream-keys', { method: 'POST', body: { name } });
  }

  async revokeStreamKey(keyId: string): Promise<void> {
    await this.#server.send(`/api/stream-keys/${encodeURIComponent(keyId)}`, { method: 'DELETE' });
  }

  /** Lists the invitations of a stream, with its publish grant. */
  invitations(id: StreamId, grant: string): Promise<InvitationInfo[]> {
    return this.#server.call(invitationsOf(id), bearer(grant));
  }

  /** Creates an invitation, with the stream's publish grant. */
  invite(id: StreamId, grant: string, invitation: NewInvitation): Promise<InvitationMade> {
    return this.#server.call(invitationsOf(id), { method: 'POST', body: invitation, ...bearer(grant) });
  }

  /** Revokes an invitation, with the stream's publish grant. Viewers admitted by it are disconnected. */
  async revokeInvitation(id: StreamId, grant: string, invitationId: string): Promise<void> {
    const url = `${invitationsOf(id)}/${encodeURIComponent(invitationId)}`;
    await this.#server.send(url, { method: 'DELETE', ...bearer(grant) });
  }
}

function invitationsOf(id: StreamId): string {
  return `/api/streams/${encodeURIComponent(id)}/invitations`;
}
