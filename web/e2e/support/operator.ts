// The first operator of a server, outside of any page: for tests of what operators cause.
import type { Undead } from './undead.ts';

export const NAME = 'ann';
export const PASSWORD = 'correct horse battery';

/** An operator's session. */
export class Operator {
  readonly #url: string;
  readonly #cookie: string;

  private constructor(url: string, cookie: string) {
    this.#url = url;
    this.#cookie = cookie;
  }

  /** Makes the account {@link NAME} with {@link PASSWORD} and signs in. */
  static async of(undead: Undead): Promise<Operator> {
    const token = new URL(await undead.setupUrl()).hash.replace('#setup=', '');
    const body = JSON.stringify({ token, name: NAME, password: PASSWORD });
    const headers = { 'content-type': 'application/json', 'x-undead-csrf': '1' };
    const answer = await fetch(`${undead.url}/api/setup`, { method: 'POST', headers, body });
    const cookie = answer.headers.get('set-cookie')?.split(';')[0];
    if (!answer.ok || cookie === undefined) throw new Error(`no operator: ${answer.status} ${await answer.text()}`);
    return new Operator(undead.url, cookie);
  }

  /** Calls the API, and fails unless it is taken. */
  async call(method: string, path: string, body?: object): Promise<unknown> {
    const headers = { cookie: this.#cookie, 'content-type': 'application/json', 'x-undead-csrf': '1' };
    const options = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${this.#url}${path}`, { method, headers, ...options });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? undefined : await answer.json();
  }

  async makeStreamKey(name: string): Promise<{ key_id: string; key: string }> {
    return (await this.call('POST', '/api/stream-keys', { name })) as { key_id: string; key: string };
  }
}
