// The page /karaoke/{item_id}: the karaoke player of a song with stems; the id is that of the song or of one of its stems.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { site, sitePath } from '../browser/site';
import { findSong } from '../karaoke/opening';
import { KaraokeSession } from '../karaoke/session';
import { WebOutput } from '../karaoke/web-output';
import { Library } from '../library/api';
import { Kept } from '../library/kept/kept';
import { Opening } from '../library/opening';
import { asCallError, type CallError } from '../protocol/error';
import type { ItemId } from '../protocol/item';
import { strings } from '../strings';
import '../ui/karaoke/karaoke';
import '../ui/notice';
import { Login } from '../ui/people/login';
import '../ui/progress';
import '../ui/shell';
import { base, buttons } from '../ui/styles';
import { canPlayType } from '../watch/playback/mse/media-source';

const texts = strings.karaoke;
const SITE = location.origin + site('');
/** The service worker starts once the song plays, or after this time. Starting earlier would delay the sound. */
const WORKER_MS = 3_000;

@customElement('ud-karaoke-page')
export class KaraokePage extends LitElement {
  @state() private session: KaraokeSession | undefined;
  @state() private problem: CallError | undefined;
  /** Grows with every change of the session, so that the player is redrawn. */
  @state() private version = 0;
  readonly #library = new Library();
  readonly #kept = new Kept();
  readonly #login = new Login(this, { kept: this.#kept, signedOut: () => this.#signedOut() });
  #workerTimer: ReturnType<typeof setTimeout> | undefined;

  static override styles = [
    base,
    buttons,
    css`
      ud-notice {
        margin-top: var(--ud-space-4);
      }
      h1 {
        margin: clamp(8px, 3vw, 28px) 0 16px;
        font-size: var(--ud-text-2xl);
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#workerTimer = setTimeout(this.#startWorker, WORKER_MS);
    void this.#open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#workerTimer);
    this.session?.close();
  }

  override render(): TemplateResult {
    return html`<ud-shell current="library"> ${this.#login.menu()} ${this.#content()} </ud-shell>`;
  }

  #content(): TemplateResult {
    const { session } = this;
    const problem = this.problem ?? session?.state.error;
    const hasFailed = this.problem !== undefined || session?.state.phase === 'failed';
    return html`${session === undefined ? html`<h1>${texts.heading}</h1>` : nothing}
    ${hasFailed && problem !== undefined ? this.#failed(problem) : nothing}
    ${
      session === undefined
        ? this.problem === undefined
          ? html`<ud-progress label=${texts.loading}></ud-progress>`
          : nothing
        : html`<ud-karaoke
            .session=${session}
            .library=${this.#library}
            .version=${this.version}
            ?may-edit=${this.#login.mayEdit(session.song.source)}
          ></ud-karaoke>`
    }`;
  }

  #failed(problem: CallError): TemplateResult {
    const { heading, advice } = wordsOf(problem);
    return html`<ud-notice kind="error" .heading=${heading} .advice=${advice}>
      ${
        problem.mayPass
          ? html`<button class="button small" type="button" @click=${() => void this.#open()}>
              ${texts.problems.tryAgain}
            </button>`
          : this.#way(problem)
      }
    </ud-notice>`;
  }

  /** A link to the item if it exists, else to the library. */
  #way({ code, reason }: CallError): TemplateResult {
    const isNowhere = code === 'unknown_item' && reason !== 'no_stems';
    return html`<a class="button small" href=${site(isNowhere ? '/library' : `/library/${itemOf()}`)}>
      ${isNowhere ? texts.problems.library : texts.song}
    </a>`;
  }

  async #open(): Promise<void> {
    this.session?.close();
    Object.assign(this, { session: undefined, problem: undefined });
    try {
      const song = await findSong(this.#library, itemOf());
      document.title = strings.pageTitle(song.source.title);
      const session = new KaraokeSession(song, {
        library: this.#library,
        kept: this.#kept,
        open: (id) => this.#opening(id),
        canPlay: canPlayType,
        output: (rate) => new WebOutput(rate),
        changed: () => this.#changed(),
      });
      this.session = session;
      session.open();
    } catch (error) {
      this.problem = asCallError(error);
    }
  }

  #opening(itemId: ItemId): Opening {
    return new Opening(itemId, {
      library: this.#library,
      kept: this.#kept,
      canPlay: canPlayType,
      origin: location.href,
      base: SITE,
      fetch: (input, init) => fetch(input, init),
    });
  }

  #changed(): void {
    this.version++;
    if (this.session?.state.phase === 'playing') this.#startWorker();
  }

  readonly #startWorker = (): void => this.#kept.start(site('/library-worker.js'), site('/'));

  /** Opens a song again that is not public: its further fetches would otherwise stay in this browser. */
  #signedOut(): void {
    const { session } = this;
    if (session !== undefined && session.song.source.visibility !== 'public') void this.#open();
  }
}

function itemOf(): ItemId {
  return sitePath(location.pathname).split('/')[2] ?? '';
}

function wordsOf({ code, reason }: CallError): { heading: string; advice: string } {
  const { problems } = texts;
  if (reason === 'no_stems') return problems.missing;
  switch (code) {
    case 'unknown_item':
    case 'unsupported_media':
    case 'malformed_media':
    case 'unreachable':
      return problems[code];
    case 'timeout':
      return problems.unreachable;
    case 'wrong_passphrase':
    case 'invitation_refused':
      return problems.locked;
    default:
      return problems.other;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-karaoke-page': KaraokePage;
  }
}
