// The first operator of a server, outside of any page, for tests of operator actions.
import { expect, type Page } from '@playwright/test';

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

  /** Creates the account {@link NAME} with {@link PASSWORD} and signs in. */
  static async of(undead: Undead): Promise<Operator> {
    const token = new URL(await undead.setupUrl()).hash.replace('#setup=', '');
    const body = JSON.stringify({ token, name: NAME, password: PASSWORD });
    const headers = { 'content-type': 'application/json', 'x-undead-csrf': '1' };
    const answer = await fetch(`${undead.url}/api/setup`, { method: 'POST', headers, body });
    const cookie = answer.headers.get('set-cookie')?.split(';')[0];
    if (!answer.ok || cookie === undefined) throw new Error(`no operator: ${answer.status} ${await answer.text()}`);
    return new Operator(undead.url, cookie);
  }

  /** Calls the API, and fails on a refusal. */
  async call(method: string, path: string, body?: object): Promise<unknown> {
    const headers = { cookie: this.#cookie, 'content-type': 'application/json', 'x-undead-csrf': '1' };
    const options = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${this.#url}${path}`, { method, headers, ...options });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? undefined : await answer.json();
  }

  /** Uploads a file and waits until it can be played. Returns its item's id. */
  async upload(name: string, bytes: Buffer): Promise<string> {
    const headers = {
      cookie: this.#cookie,
      'x-undead-csrf': '1',
      'tus-resumable': '1.0.0',
      'upload-length': String(bytes.length),
      'upload-metadata': `filename ${Buffer.from(name).toString('base64')}`,
      'content-type': 'application/offset+octet-stream',
    };
    const made = await fetch(`${this.#url}/api/uploads`, { method: 'POST', headers, body: new Uint8Array(bytes) });
    const itemId = made.headers.get('undead-item');
    if (itemId === null) throw new Error(`no upload of ${name}: ${made.status} ${await made.text()}`);
    const item = async (): Promise<unknown> => await this.call('GET', `/api/library/${itemId}`);
    await expect.poll(item, { timeout: 60_000 }).toMatchObject({ state: 'ready' });
    return itemId;
  }

  /** Puts this session into the browser of `page`. */
  async signInto(page: Page): Promise<void> {
    const at = this.#cookie.indexOf('=');
    const [name, value] = [this.#cookie.slice(0, at), this.#cookie.slice(at + 1)];
    await page.context().addCookies([{ name, value, url: this.#url }]);
  }

  async makeStreamKey(name: string): Promise<{ key_id: string; key: string }> {
    return (await this.call('POST', '/api/stream-keys', { name })) as { key_id: string; key: string };
  }
}
