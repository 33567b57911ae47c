// The library: its list, and an item with its player. One page serves both addresses, so that playback continues while
// one browses.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { site } from '../browser/site';
import { tabMemory } from '../browser/storage';
import { Jobs } from '../jobs/api';
import { deckCommandOf } from '../library/keys';
import { followItems, type NewsListener } from '../library/news';
import type { Playing } from '../library/playing';
import { Queue, type Queued } from '../library/queue';
import { Pictures } from '../library/upload/pictures';
import { startTransfer } from '../library/upload/transfer';
import { Uploads } from '../library/upload/uploads';
import type { Item, ItemId } from '../protocol/item';
import { strings } from '../strings';
import '../ui/jobs/item-jobs';
import type { Deck, DeckEvent } from '../ui/library/deck';
import '../ui/library/deck';
import type { ItemEvent } from '../ui/library/item-card';
import type { ItemChangedEvent, TagEvent } from '../ui/library/item-details';
import '../ui/library/item-details';
import { framesOf } from '../ui/library/frames';
import type { UploadList } from '../ui/library/uploads';
import '../ui/library/uploads';
import type { ItemList } from '../ui/library/item-list';
import '../ui/library/item-list';
import type { KeptPanel } from '../ui/library/kept-panel';
import '../ui/library/kept-panel';
import type { PassphraseEvent } from '../ui/library/problem';
import '../ui/library/problem';
import type { QueueGoEvent } from '../ui/library/queue-panel';
import '../ui/library/queue-panel';
import { Login } from '../ui/people/login';
import { uploadIcon } from '../ui/icons';
import '../ui/shell';
import '../ui/notice';
import '../ui/people/sign-in';
import { base, buttons } from '../ui/styles';
import { surfaces } from '../ui/surfaces';
import { toast } from '../ui/toasts';
import { lettersAreOn, type Focused } from '../watch/keys';
import { begin, itemOf, kept, library, media, connectPage, SITE, takeBegun } from './library-early';

/** Delay between a fetched fragment and the update of the storage display. */
const KEPT_MS = 1_000;
/**
 * The service worker starts once the item is shown, or after this time. Starting earlier would delay the first picture.
 */
const WORKER_MS = 3_000;
/** The address of the list, or of an item's page. */
const LIBRARY_LINK = /\/library(\/[0-9a-f]{32})?$/;

@customElement('ud-library-page')
export class LibraryPage extends LitElement {
  /** The item whose page is shown; undefined for the list. */
  @state() private shownId: ItemId | undefined = itemOf(location.pathname);
  @state() private playing: Playing | undefined;
  /** Grows whenever data changed that elements read from their objects. */
  @state() private version = 0;
  @state() private isPlaying = false;
  @state() private asks = false;
  @state() private queueShown = false;
  @state() private passphraseTried = false;
  /** Whether the form for signing in is shown, to people who may upload once they have signed in. */
  @state() private signsIn = false;
  /** The list was shown. It stays in the page, so that its state is kept when the person returns. */
  @state() private hasList = false;
  /** Whether the server sends changes of the person's own items. */
  @state() private isHearing = false;
  @query('ud-deck') declare private deck: Deck;
  @query('ud-item-list') declare private list: ItemList | null;
  @query('ud-uploads') declare private uploadList: UploadList | null;
  @query('ud-kept-panel') declare private keptPanel: KeptPanel | null;
  readonly #login = new Login(this, { kept, signedOut: () => this.#signedOut() });
  readonly #jobs = new Jobs();
  readonly #queue = new Queue(tabMemory, () => this.#changed());
  readonly #uploads = new Uploads({
    start: startTransfer,
    library,
    later: (ms, call) => {
      const timer = setTimeout(call, ms);
      return () => clearTimeout(timer);
    },
    changed: () => this.#changed(),
    isHearing: () => this.isHearing,
    received: (file, itemId) => this.#pictures.add(file, itemId),
    done: (itemId) => this.#uploaded(itemId),
  });
  readonly #pictures = new Pictures({
    frames: framesOf,
    send: (itemId, { atMs, picture }) => library.addPreview(itemId, atMs, picture),
    sent: (itemId) => void this.#lookAgain(itemId),
  });
  /** The scroll position of the list when it was left. */
  #scrolled = 0;
  #isScheduled = false;
  /** Follows the items of this account. */
  #following: { name: string; stop: AbortController } | undefined;
  #workerTimer: ReturnType<typeof setTimeout> | undefined;
  #keptTimer: ReturnType<typeof setTimeout> | undefined;

  static override styles = [
    base,
    buttons,
    surfaces,
    css`
      .page {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 24px;
      }
      h1 {
        margin: clamp(8px, 3vw, 28px) 0 0;
        font-size: var(--ud-text-2xl);
        letter-spacing: -0.03em;
      }
      .stage {
        margin-top: 4px;
      }
      /* A bar at the foot of the window takes no space in the page. */
      ud-deck:not(.stage) {
        position: absolute;
      }
      .with-bar {
        padding-bottom: 72px;
      }
      ud-shell.foot {
        --ud-foot: 72px;
      }
      .panel {
        position: fixed;
        right: max(12px, calc((100vw - var(--ud-width)) / 2));
        bottom: 92px;
        z-index: 14;
        width: min(380px, calc(100vw - 24px));
      }
      .beside {
        max-width: 560px;
      }
      .sign-in {
        max-width: 27rem;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#workerTimer = setTimeout(this.#startWorker, this.shownId === undefined ? 0 : WORKER_MS);
    addEventListener('popstate', this.#went);
    addEventListener('beforeunload', this.#warn);
    addEventListener('pagehide', this.#left);
    addEventListener('online', this.#online);
    document.addEventListener('keydown', this.#key);
    connectPage({
      person: () => this.#login.name(),
      isHearing: (item) => this.isHearing && this.#login.mayEdit(item),
      changed: () => this.#changed(),
      arrived: () => this.#arrived(),
      refused: () => (this.asks = true),
    });
    this.#follow();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('popstate', this.#went);
    removeEventListener('beforeunload', this.#warn);
    removeEventListener('pagehide', this.#left);
    removeEventListener('online', this.#online);
    this.#followItems(undefined);
    this.#uploads.close();
    this.#pictures.close();
    document.removeEventListener('keydown', this.#key);
    clearTimeout(this.#keptTimer);
    clearTimeout(this.#workerTimer);
    this.playing?.close();
  }

  override willUpdate(): void {
    this.hasList ||= this.shownId === undefined;
    this.#followItems(this.#login.account?.name);
  }

  override render(): TemplateResult {
    const { shownId, playing } = this;
    const isStage = shownId !== undefined;
    const hasBar = !isStage && playing !== undefined;
    return html`<ud-shell class=${hasBar ? 'foot' : ''} current="library" @click=${this.#clicked}>
      ${this.#login.menu()}
      <div
        class="page ${hasBar ? 'with-bar' : ''}"
        @ud-play-item=${({ item }: ItemEvent) => this.#pressed(item)}
        @ud-queue-item=${({ item }: ItemEvent) => this.#queued(item)}
        @ud-open-item=${({ item }: ItemEvent) => this.#go(item)}
        @ud-queue-go=${({ place }: QueueGoEvent) => this.#goInQueue(place)}
      >
        <ud-deck
          class=${isStage ? 'stage' : ''}
          .media=${media}
          .mode=${isStage ? 'stage' : 'bar'}
          .playing=${playing}
          .queue=${this.#queue}
          .version=${this.version}
          .queueShown=${this.queueShown}
          .asks=${this.asks}
          @ud-deck=${this.#deckAsks}
          @ud-playing-changed=${() => this.#playingChanged()}
        ></ud-deck>
        ${isStage ? this.#item() : nothing} ${this.queueShown ? this.#queuePanel(isStage) : nothing}
        <div class="page" ?hidden=${isStage}>${this.#list(isStage)}</div>
      </div>
    </ud-shell>`;
  }

  #item(): TemplateResult | typeof nothing {
    const { playing } = this;
    if (playing === undefined) return nothing;
    const isNamed = playing.item !== undefined;
    return html`${isNamed ? nothing : html`<h1 class="visually-hidden">${strings.library.heading}</h1>`}
      <ud-item-problem
        .error=${playing.state.phase === 'waiting' && !playing.isNotKept ? undefined : playing.problem}
        .item=${playing.item}
        ?tried=${this.passphraseTried}
        @retry=${() => this.#open(playing.itemId)}
        @ud-passphrase=${({ passphrase }: PassphraseEvent) => this.#unlock(passphrase)}
      ></ud-item-problem>
      <ud-item-details
        .playing=${playing}
        .library=${library}
        .version=${this.version}
        ?may-edit=${this.#login.mayEdit(playing.item)}
        @ud-item-changed=${this.#itemChanged}
        @ud-tag=${({ tag }: TagEvent) => this.#showTag(tag)}
      >
        <ud-item-jobs
          .item=${playing.item}
          .me=${this.#login.me}
          .jobs=${this.#jobs}
          @ud-item-linked=${() => void this.#lookAgain(playing.itemId)}
        ></ud-item-jobs>
      </ud-item-details>`;
  }

  #list(isStage: boolean): TemplateResult {
    const mayUpload = this.#login.me?.may_upload === true;
    return html`${isStage ? nothing : html`<h1>${strings.library.heading}</h1>`}
    ${this.signsIn && this.#maySignIn ? this.#signIn() : nothing}
    ${mayUpload ? html`<ud-uploads .uploads=${this.#uploads} .version=${this.version}></ud-uploads>` : nothing}
    ${this.hasList ? this.#items(mayUpload) : nothing}`;
  }

  #items(mayUpload: boolean): TemplateResult {
    return html`<ud-item-list
      .library=${library}
      .kept=${kept}
      .playing=${this.isPlaying ? this.playing?.itemId : undefined}
      ?signed-in=${this.#login.account !== null}
      ?hearing=${this.isHearing}
      >${mayUpload ? this.#uploadButton() : this.#signInButton()}<ud-kept-panel
        slot="kept"
        .kept=${kept}
      ></ud-kept-panel
    ></ud-item-list>`;
  }

  #uploadButton(): TemplateResult {
    return html`<button slot="actions" class="button primary" type="button" @click=${() => this.uploadList?.choose()}>
      ${uploadIcon} ${strings.uploads.choose}
    </button>`;
  }

  /** Whether this person may upload after signing in. */
  get #maySignIn(): boolean {
    const { me } = this.#login;
    return me?.account === null && me.upload === 'account';
  }

  #signInButton(): TemplateResult | typeof nothing {
    if (!this.#maySignIn) return nothing;
    return html`<button
      slot="actions"
      class="button"
      type="button"
      aria-expanded=${this.signsIn ? 'true' : 'false'}
      @click=${() => (this.signsIn = !this.signsIn)}
    >
      ${strings.uploads.signIn}
    </button>`;
  }

  #signIn(): TemplateResult {
    const { setup } = strings.people;
    if (this.#login.me?.setup_needed === true)
      return html`<ud-notice kind="info" .heading=${setup.needed} .advice=${setup.neededAdvice}></ud-notice>`;
    return html`<section class="card sign-in" aria-labelledby="sign-in">
      <h2 id="sign-in">${strings.uploads.signIn}</h2>
      <ud-sign-in
        .enter=${(name: string, password: string) => this.#login.people.signIn(name, password)}
        @signed-in=${() => void this.#signedIn()}
      ></ud-sign-in>
    </section>`;
  }

  async #signedIn(): Promise<void> {
    await this.#login.look();
    this.signsIn = false;
    this.list?.refresh();
  }

  #queuePanel(isStage: boolean): TemplateResult {
    return html`<ud-queue-panel
      class=${isStage ? 'beside' : 'panel'}
      .queue=${this.#queue}
      .version=${this.version}
      @ud-close=${() => (this.queueShown = false)}
    ></ud-queue-panel>`;
  }

  /** Opens a private item again while it plays: its further fetches would otherwise stay in this browser. */
  #signedOut(): void {
    const { playing } = this;
    if (playing?.item?.visibility === 'private') this.#open(playing.itemId);
  }

  /** Shows the item or the list that the address names. */
  #follow(): void {
    const { shownId } = this;
    document.title = strings.pages.library.title;
    if (shownId !== undefined && this.playing?.itemId !== shownId) this.#open(shownId);
    else if (shownId !== undefined) this.#changed();
  }

  readonly #warn = (event: BeforeUnloadEvent): void => {
    if (this.#uploads.isSending) event.preventDefault();
  };

  readonly #online = (): void => this.#uploads.online();

  readonly #left = (): void => this.playing?.leave();

  readonly #went = (): void => {
    this.shownId = itemOf(location.pathname);
    this.#follow();
    void this.keptPanel?.refresh();
  };

  /** Links to the list and to items are handled within this page, because leaving it would end playback and uploads. */
  readonly #clicked = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
    const link = event.composedPath().find((target) => target instanceof HTMLAnchorElement);
    if (link === undefined || !LIBRARY_LINK.test(link.href) || !link.href.startsWith(SITE)) return;
    event.preventDefault();
    const itemId = itemOf(link.pathname);
    if (this.shownId !== itemId) this.#goTo(itemId);
  };

  /** Goes to an item's page, or to the list. */
  #go(item: Queued | undefined): void {
    if (item !== undefined) this.#queue.play(item);
    this.#goTo(item?.item_id);
  }

  #goTo(itemId: ItemId | undefined): void {
    if (this.shownId === undefined) this.#scrolled = scrollY;
    history.pushState(null, '', site(itemId === undefined ? '/library' : `/library/${itemId}`));
    this.shownId = itemId;
    this.#follow();
    void this.updateComplete.then(() => scrollTo(0, itemId === undefined ? this.#scrolled : 0));
    if (itemId === undefined) void this.keptPanel?.refresh();
  }

  /** Replaces the playing item. */
  #open(itemId: ItemId, passphrase?: string): void {
    this.playing?.close();
    this.asks = false;
    this.passphraseTried = passphrase !== undefined;
    const playing = passphrase === undefined ? takeBegun(itemId) : begin(itemId, { passphrase });
    this.playing = playing;
    playing.play();
    void playing.start().then(() => {
      const { item } = playing;
      if (item !== undefined && this.playing === playing && this.#queue.current?.item_id !== itemId)
        this.#queue.play(item);
    });
  }

  #unlock(passphrase: string): void {
    const itemId = this.playing?.itemId;
    if (itemId !== undefined) this.#open(itemId, passphrase);
  }

  /** Handles the button on a card: plays the item, or pauses it if it plays. */
  #pressed(item: Item): void {
    if (this.playing?.itemId === item.item_id) this.deck.command('play_pause');
    else {
      this.#queue.play(item);
      this.#open(item.item_id);
    }
  }

  #queued(item: Item): void {
    this.#queue.add(item);
    toast(strings.library.card.queued);
  }

  #uploaded(itemId: ItemId): void {
    const view = this.#uploads.views.find((view) => view.itemId === itemId);
    if (view !== undefined) toast(strings.uploads.finished(view.name));
    this.list?.refresh();
  }

  /** Reads an item again that got pictures or stems. */
  async #lookAgain(itemId: ItemId): Promise<void> {
    const item = await library.item(itemId).catch(() => undefined);
    if (item === undefined) return;
    if (this.playing?.itemId === itemId) this.playing.learn(item);
    this.list?.refresh();
  }

  /** Follows changes of the items of an account, or of none. */
  #followItems(name: string | undefined): void {
    if (this.#following?.name === name) return;
    this.#following?.stop.abort();
    this.isHearing = false;
    this.#following = name === undefined ? undefined : { name, stop: new AbortController() };
    if (this.#following !== undefined) followItems(this.#news, this.#following.stop.signal);
  }

  readonly #news: NewsListener = {
    began: () => {
      this.isHearing = true;
      this.list?.heardAnew();
      this.#uploads.heardAnew();
    },
    changed: (itemId, item) => {
      this.list?.heard(itemId, item);
      if (item !== undefined) this.#uploads.heard(item);
      if (this.playing?.itemId !== itemId) return;
      if (item === undefined) this.playing.removed();
      else this.playing.heard(item);
    },
    broke: () => (this.isHearing = false),
  };

  #goInQueue(place: number): void {
    const item = this.#queue.go(place);
    if (item !== undefined) this.#playQueued(item);
  }

  #playQueued(item: Queued): void {
    if (this.shownId === undefined) this.#open(item.item_id);
    else this.#go(item);
  }

  readonly #deckAsks = ({ what }: DeckEvent): void => {
    switch (what) {
      case 'next':
      case 'ended': {
        const item = this.#queue.next();
        if (item !== undefined) this.#playQueued(item);
        break;
      }
      case 'previous': {
        const item = this.#queue.previous();
        if (item !== undefined) this.#playQueued(item);
        break;
      }
      case 'queue':
        this.queueShown = !this.queueShown;
        break;
      case 'open':
        if (this.playing !== undefined) this.#go(this.playing.item ?? this.#queue.current);
        break;
      case 'stop':
        this.playing?.close();
        this.playing = undefined;
        break;
    }
  };

  readonly #itemChanged = ({ item, isGone }: ItemChangedEvent): void => {
    this.playing?.learn(item);
    this.list?.learn(item.item_id, isGone ? undefined : item);
    if (isGone) {
      kept.forgetItem(item.item_id);
      this.playing?.pause();
    } else this.list?.refresh();
  };

  #showTag(tag: string): void {
    this.#go(undefined);
    void this.updateComplete.then(() => this.list?.showTag(tag));
  }

  readonly #key = (event: KeyboardEvent): void => {
    if (this.playing === undefined) return;
    const focused = event.composedPath()[0];
    const inPlayer = event.composedPath().includes(this.deck);
    const element = focused instanceof HTMLElement ? (focused as Focused) : undefined;
    const command = deckCommandOf(event, element, { letters: lettersAreOn(), inPlayer });
    if (command === undefined) return;
    event.preventDefault();
    this.deck.command(command);
  };

  #playingChanged(): void {
    this.isPlaying = this.deck.isPlaying;
    if (this.isPlaying) this.asks = false;
  }

  readonly #startWorker = (): void => kept.start(site('/library-worker.js'), site('/'));

  /** The stored amount grows a moment after a fragment arrived. */
  #arrived(): void {
    this.#startWorker();
    this.#keptTimer ??= setTimeout(() => {
      this.#keptTimer = undefined;
      void this.keptPanel?.refresh();
    }, KEPT_MS);
  }

  /** Many things change at once, so one update covers them all. */
  #changed(): void {
    const { playing } = this;
    if (playing?.item !== undefined && this.shownId === playing.itemId)
      document.title = strings.pageTitle(playing.item.title);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.version++;
    });
  }
}
