// The page /karaoke/{item_id}: sings a song whose stems were made, by the id of the song or of one of its stems.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { People } from '../api/people';
import { site, sitePath } from '../browser/site';
import { findSong } from '../karaoke/opening';
import { KaraokeSession } from '../karaoke/session';
import { WebOutput } from '../karaoke/web-output';
import { Library } from '../library/api';
import { Kept } from '../library/kept/kept';
import { Opening } from '../library/opening';
import type { Me } from '../protocol/account';
import { asCallError, type CallError } from '../protocol/error';
import type { ItemId } from '../protocol/item';
import { strings } from '../strings';
import '../ui/karaoke/karaoke';
import '../ui/notice';
import '../ui/people/account-menu';
import '../ui/progress';
import '../ui/shell';
import { base, buttons } from '../ui/styles';
import { canPlayType } from '../watch/playback/mse/media-source';

const texts = strings.karaoke;
const SITE = location.origin + site('');

@customElement('ud-karaoke-page')
export class KaraokePage extends LitElement {
  @state() private me: Me | undefined;
  @state() private session: KaraokeSession | undefined;
  @state() private problem: CallError | undefined;
  /** Grows whenever something changed that the player reads from the session. */
  @state() private version = 0;
  readonly #library = new Library();
  readonly #people = new People();
  readonly #kept = new Kept();

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
    void this.#open();
    void this.#look();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.session?.close();
  }

  override render(): TemplateResult {
    return html`<ud-shell current="library">
      <ud-account-menu
        slot="account"
        .account=${this.me?.account ?? null}
        .people=${this.#people}
        @signed-out=${() => void this.#look()}
      ></ud-account-menu>
      ${this.#content()}
    </ud-shell>`;
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
            ?may-edit=${this.#mayEdit}
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
          : html`<a class="button small" href=${site(`/library/${itemOf()}`)}>${texts.problems.library}</a>`
      }
    </ud-notice>`;
  }

  get #mayEdit(): boolean {
    const account = this.me?.account ?? null;
    if (account === null) return false;
    return account.role === 'operator' || this.session?.song.source.owner === account.name;
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
        changed: () => this.version++,
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

  async #look(): Promise<void> {
    this.me = await this.#people.me().catch(() => undefined);
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
