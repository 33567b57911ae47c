// A party on a real server, led by a test over HTTP; its members are pages.
import type { Membership, PartyAction, PartyCreated, PartyState } from '../../src/protocol/party';
import type { Undead } from './undead.ts';

/** See the head of the file. */
export class RealParty {
  /** The address of its page. */
  readonly url: string;
  readonly #server: string;
  readonly #id: string;
  readonly #host: string;

  private constructor(server: string, { party_id, url, member }: PartyCreated) {
    this.#server = server;
    this.#id = party_id;
    this.#host = member.token;
    this.url = server + url;
  }

  /** Opens one whose host is the test. */
  static async open({ url }: Undead): Promise<RealParty> {
    const body = { title: 'Friday', policy: 'host', access: 'unlisted', name: 'Host' };
    return new RealParty(url, await call<PartyCreated>(`${url}/api/parties`, { body }));
  }

  /** The host's command. */
  async lead(body: PartyAction): Promise<void> {
    await call(`${this.#api}/commands`, { body, token: this.#host });
  }

  async state(): Promise<PartyState> {
    return await call(this.#api, { token: this.#host });
  }

  /** A script that makes a page this member, to be run in it before its own. */
  async membership(name: string): Promise<string> {
    const membership = await call<Membership>(`${this.#api}/join`, { body: { name } });
    const [key, value] = [`undead.party.${this.#id}`, JSON.stringify(membership)];
    return `location.protocol.startsWith('http') && localStorage.setItem(${JSON.stringify(key)}, ${JSON.stringify(value)});`;
  }

  get #api(): string {
    return `${this.#server}/api/parties/${this.#id}`;
  }
}

async function call<T>(url: string, { body, token }: { body?: object; token?: string }): Promise<T> {
  const credential: Record<string, string> =
    token === undefined ? { 'x-undead-csrf': '1' } : { authorization: `Bearer ${token}` };
  const answer = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', ...credential },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}
