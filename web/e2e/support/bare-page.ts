// A page without Playwright, controlled only by the DevTools protocol. Playwright makes its pages believe that they are
// visible, and a visible page cannot be frozen.
import type { Browser, CDPSession } from '@playwright/test';

interface Answer {
  id?: number;
  result?: { result?: { value?: unknown } };
  error?: { message: string };
}

export class BarePage {
  readonly #devtools: CDPSession;
  readonly #targetId: string;
  readonly #sessionId: string;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #coverId: string | undefined;
  #lastId = 0;

  private constructor(devtools: CDPSession, targetId: string, sessionId: string) {
    this.#devtools = devtools;
    this.#targetId = targetId;
    this.#sessionId = sessionId;
    devtools.on('Target.receivedMessageFromTarget', ({ message }) => {
      const answer = JSON.parse(message) as Answer;
      if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    });
  }

  /** Opens the page in a window of its own: a browser that has just started may have none yet. */
  static async open(browser: Browser, url: string): Promise<BarePage> {
    const devtools = await browser.newBrowserCDPSession();
    const { targetId } = await devtools.send('Target.createTarget', { url, newWindow: true });
    const { sessionId } = await devtools.send('Target.attachToTarget', { targetId, flatten: false });
    return new BarePage(devtools, targetId, sessionId);
  }

  /** The value of a JavaScript expression in the page, as JSON. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.#send('Runtime.evaluate', { expression, returnByValue: true });
    return answer.result?.result?.value;
  }

  /** Puts another tab in front. */
  async hide(): Promise<void> {
    this.#coverId ??= (await this.#devtools.send('Target.createTarget', { url: 'about:blank' })).targetId;
    await this.#devtools.send('Target.activateTarget', { targetId: this.#coverId });
  }

  /** Puts another tab in front and freezes this one, as browsers do with long-hidden tabs. */
  async freeze(): Promise<void> {
    await this.hide();
    await this.#send('Page.setWebLifecycleState', { state: 'frozen' });
  }

  /** The person comes back. */
  async resume(): Promise<void> {
    await this.#send('Page.setWebLifecycleState', { state: 'active' });
    await this.#devtools.send('Target.activateTarget', { targetId: this.#targetId });
  }

  async close(): Promise<void> {
    for (const targetId of [this.#coverId, this.#targetId]) {
      if (targetId !== undefined) await this.#devtools.send('Target.closeTarget', { targetId });
    }
  }

  async #send(method: string, params: object): Promise<Answer> {
    const id = ++this.#lastId;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    const message = JSON.stringify({ id, method, params });
    await this.#devtools.send('Target.sendMessageToTarget', { sessionId: this.#sessionId, message });
    const answer = await answered;
    this.#waiting.delete(id);
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer;
  }
}
