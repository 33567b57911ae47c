// <ud-party-room .session .view>: a party as its members see it. Combines the elements and executes their actions.

import { LitElement, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { MainServer } from '../../api/client';
import { siteMemory } from '../../browser/storage';
import { Library } from '../../library/api';
import { deckCommandOf, type DeckCommand } from '../../library/keys';
import { connectMediaKeys, releaseMedia, showMedia } from '../../library/media-session';
import { startTransfer } from '../../library/upload/transfer';
import { UploadNews } from '../../library/upload/upload-news';
import { Uploads } from '../../library/upload/uploads';
import { Parties } from '../../party/api';
import { Paced } from '../../party/paced';
import { hosts, isHalted, leader, leads, mayAdd, memberOf, present } from '../../party/roles';
import type { PartySession, SessionView } from '../../party/session';
import type { ItemId } from '../../protocol/item';
import type { ChangeParty, PartyAction, PartyState } from '../../protocol/party';
import { Invitations } from '../../publish/invitations';
import { strings } from '../../strings';
import { lettersAreOn, type Focused } from '../../watch/keys';
import { badges } from '../badges';
import { Asking } from '../asking';
import { count } from '../format';
import { lockIcon, moreIcon, peopleIcon, shareIcon } from '../icons';
import type { UploadList } from '../library/uploads';
import '../library/uploads';
import type { MenuItem, PickEvent } from '../menu';
import '../menu';
import '../notice';
import { base, block, buttons } from '../styles';
import type { SelectEvent } from '../tabs';
import '../tabs';
import { toast } from '../toasts';
import type { AddDialog } from './add-dialog';
import './add-dialog';
import './avatar';
import './chat';
import type { ActionEvent, ShowEvent } from './events';
import './members';
import './queue';
import { hasOpenDialog } from '../open-dialog';
import { refusal } from './refusals';
import type { RenameDialog } from './rename-dialog';
import './rename-dialog';
import { roomStyles } from './room-styles';
import type { SettingsDialog } from './settings-dialog';
import './settings-dialog';
import type { ShareDialog } from './share-dialog';
import './share-dialog';
import type { Stage, VocalsEvent, VolumeEvent } from './stage';
import './stage';
import type { TrimEvent } from './sync';
import './sync';
import './vote';

const texts = strings.party;
const VOLUME = 'undead.library-volume';
/** Interval of updating positions and countdowns. */
const TICK_MS = 500;
/** Number of faces beside the title. */
const FACES = 5;
const LOUDER = 0.1;
/** Shortest interval between seeks. */
const SEEK_MS = 300;

@customElement('ud-party-room')
export class PartyRoom extends LitElement {
  @property({ attribute: false }) declare session: PartySession;
  /** The session's view, with the party known. */
  @property({ attribute: false }) declare view: SessionView;
  /** Whether the person is an operator of this server. */
  @property({ type: Boolean }) operator = false;
  @property({ type: Boolean, attribute: 'may-upload' }) mayUpload = false;
  /** The address of the party's page, to share. */
  @property() link = '';
  @state() private tab = 'queue';
  @state() private nowMs = 0;
  @state() private positionMs: number | undefined;
  @state() private version = 0;
  @state() private volume = 1;
  @state() private muted = false;
  @state() private vocals = 1;
  @state() private trimMs = 0;
  @state() private isWide = true;
  @query('ud-party-stage') declare private stage: Stage;
  @query('ud-uploads') declare private uploadList: UploadList | null;
  @query('ud-party-add') declare private addDialog: AddDialog;
  @query('ud-party-share') declare private shareDialog: ShareDialog;
  @query('ud-party-settings') declare private settingsDialog: SettingsDialog;
  @query('ud-party-rename') declare private renameDialog: RenameDialog;
  readonly #library = new Library();
  readonly #server = new MainServer();
  readonly #parties = new Parties();
  readonly #asking = new Asking(this, () => Promise.resolve());
  readonly #wide = matchMedia('(min-width: 900px)');
  readonly #uploads = new Uploads({
    start: startTransfer,
    library: this.#library,
    later: (ms, call) => {
      const timer = setTimeout(call, ms);
      return () => clearTimeout(timer);
    },
    changed: () => {
      this.version++;
      this.#uploadNews.update();
    },
    isHearing: () => this.#uploadNews.isHearing,
    done: (itemId) => void this.#uploaded(itemId),
  });
  readonly #uploadNews: UploadNews = new UploadNews({ uploads: () => this.#uploads });
  /** Paces seeks: a held key repeats many times a second, and every member follows. */
  readonly #seeks = new Paced<PartyAction>(SEEK_MS, (action) => void this.#do(action));
  #invitations: Invitations | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #shown: string | undefined;

  static override styles = [base, block, buttons, badges, roomStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#wide.addEventListener('change', this.#sized);
    document.addEventListener('keydown', this.#key);
    addEventListener('beforeunload', this.#warn);
    this.#sized();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
    this.#seeks.close();
    this.#wide.removeEventListener('change', this.#sized);
    document.removeEventListener('keydown', this.#key);
    removeEventListener('beforeunload', this.#warn);
    this.#uploads.close();
    this.#uploadNews.close();
    releaseMedia();
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('view')) this.#tick();
  }

  override firstUpdated(): void {
    const kept = Number(siteMemory.getItem(VOLUME) ?? '1');
    this.volume = this.session.volume = kept >= 0 && kept <= 1 ? kept : 1;
    this.trimMs = this.session.trimMs;
    this.vocals = this.session.vocals;
    this.#invitations = new Invitations({
      people: this.#parties,
      streamId: this.#state.party_id,
      grant: () => this.session.token ?? '',
      page: this.link,
    });
    void this.stage.updateComplete.then(() => this.session.attach(this.stage.elements));
    this.requestUpdate();
  }

  override updated(): void {
    this.#tellSystem();
  }

  override render(): TemplateResult {
    const { view } = this;
    return html`<div
        class="room"
        @click=${this.#clicked}
        @ud-party-action=${({ action, done, failed }: ActionEvent) => this.#asked(action, done, failed)}
        @ud-party-show=${({ what }: ShowEvent) => this.#show(what)}
        @ud-rename=${() => this.renameDialog.show(memberOf(this.#state, view.me ?? '')?.name ?? '')}
      >
        ${this.#head()} ${this.#notices()}
        <div class="columns">
          <div class="column">${this.#stageOf()} ${this.isWide ? this.#next() : this.#tabs()}</div>
          ${this.isWide ? html`<div class="column">${this.#members()} ${this.#chat()}</div>` : nothing}
        </div>
        ${this.#dialogs()}
      </div>
      ${this.#asking.dialog()}`;
  }

  get #state(): PartyState {
    const { state } = this.view;
    if (state === undefined) throw new Error('the party is not known yet');
    return state;
  }

  get #leads(): boolean {
    return leads(this.#state, this.view.me, this.operator);
  }

  get #hosts(): boolean {
    return hosts(this.#state, this.view.me, this.operator);
  }

  get #mayAdd(): boolean {
    return mayAdd(this.#state, this.view.me, this.operator);
  }

  #head(): TemplateResult {
    const { title, access, policy } = this.#state;
    const here = present(this.#state);
    const items: MenuItem[] = [
      ...(this.#hosts ? [{ id: 'settings', label: texts.settings, group: 'host' }] : []),
      { id: 'leave', label: texts.leave, group: 'leave' },
      ...(this.#hosts ? [{ id: 'end', label: texts.end, group: 'leave' }] : []),
    ];
    return html`<div class="head">
      <div class="name">
        <h1 dir="auto">${title}</h1>
        <div class="facts">
          <span class="faces" aria-hidden="true">
            ${here.slice(0, FACES).map(({ name, hue }) => html`<ud-avatar name=${name} hue=${hue}></ud-avatar>`)}
          </span>
          <span class="badge" title=${texts.people(here.length)}>
            ${peopleIcon}<span aria-hidden="true">${count(here.length)}</span
            ><span class="visually-hidden">${texts.people(here.length)}</span>
          </span>
          <span class="badge wide">${strings.parties.policies[policy]}</span>
          ${access === 'public' ? nothing : html`<span class="badge">${lockIcon} ${strings.visibilities[access]}</span>`}
        </div>
      </div>
      <div class="tools">
        <button class="button" type="button" @click=${() => this.shareDialog.show()}>
          ${shareIcon} ${texts.share}
        </button>
        <ud-menu .label=${texts.more} .items=${items} @pick=${this.#picked}>${moreIcon}</ud-menu>
      </div>
    </div>`;
  }

  #notices(): TemplateResult {
    const away = this.#hostAway();
    return html`${
      this.view.isConnected
        ? nothing
        : html`<ud-notice kind="warn" .heading=${texts.lost.heading} .advice=${texts.lost.advice}></ud-notice>`
    }${away === undefined ? nothing : html`<ud-notice .heading=${away}></ud-notice>`}`;
  }

  #hostAway(): string | undefined {
    const { host, policy, acting_policy, settings } = this.#state;
    if (policy !== 'host' || memberOf(this.#state, host)?.is_present !== false) return undefined;
    const acting = leader(this.#state);
    if (acting !== host) return texts.hostAway.handOver(memberOf(this.#state, acting)?.name ?? '');
    if (acting_policy === 'vote') return texts.hostAway.vote;
    return settings.on_host_loss === 'wait' ? texts.hostAway.wait : texts.hostAway.continue;
  }

  #stageOf(): TemplateResult {
    const { playback } = this.view;
    return html`<ud-party-stage
      .view=${this.view}
      .positionMs=${this.positionMs}
      .wave=${playback.wave}
      .volume=${this.volume}
      ?muted=${this.muted}
      ?leads=${this.#leads}
      ?may-add=${this.#mayAdd}
      @ud-unlock=${() => this.session.unlock()}
      @ud-party-volume=${({ volume, muted }: VolumeEvent) => this.#setVolume(volume, muted)}
      @ud-party-vocals=${({ share }: VocalsEvent) => (this.vocals = this.session.vocals = share)}
      .vocals=${this.vocals}
    >
      <ud-party-sync
        slot="sync"
        .errorMs=${playback.errorMs}
        .trimMs=${this.trimMs}
        @ud-trim=${({ ms }: TrimEvent) => (this.trimMs = this.session.trimMs = ms)}
      ></ud-party-sync>
    </ud-party-stage>`;
  }

  /** The next entries: the queue, or the vote. */
  #next(): TemplateResult {
    const isVote = this.#state.acting_policy === 'vote';
    const isSending = this.#uploads.views.length > 0;
    return html`<div>
      ${
        this.mayUpload && this.#mayAdd
          ? html`<ud-uploads
              class=${isSending ? 'sending' : ''}
              .uploads=${this.#uploads}
              .version=${this.version}
            ></ud-uploads>`
          : nothing
      }${
        isVote
          ? html`<ud-party-vote
              .state=${this.#state}
              .me=${this.view.me}
              .vote=${this.view.vote}
              .nowMs=${this.nowMs}
              ?leads=${this.#leads}
              ?may-add=${this.#mayAdd}
            ></ud-party-vote>`
          : html`<ud-party-queue
              .state=${this.#state}
              .me=${this.view.me}
              ?leads=${this.#leads}
              ?may-add=${this.#mayAdd}
            ></ud-party-queue>`
      }
    </div>`;
  }

  #members(): TemplateResult {
    return html`<ud-party-members
      .state=${this.#state}
      .me=${this.view.me}
      .reports=${this.view.reports}
      ?leads=${this.#leads}
      ?hosts=${this.#hosts}
    ></ud-party-members>`;
  }

  #chat(): TemplateResult {
    return html`<ud-party-chat .state=${this.#state} .me=${this.view.me}></ud-party-chat>`;
  }

  #tabs(): TemplateResult {
    const isVote = this.#state.acting_policy === 'vote';
    const tabs = [
      { name: 'queue', label: isVote ? texts.tabs.vote : texts.tabs.queue },
      { name: 'people', label: texts.tabs.peopleOf(present(this.#state).length) },
      { name: 'chat', label: texts.tabs.chat },
    ];
    return html`<ud-tabs
      .label=${texts.tabs.label}
      .tabs=${tabs}
      .selected=${this.tab}
      @ud-select=${({ selected }: SelectEvent) => (this.tab = selected)}
    >
      <div slot="queue" class="column">${this.#next()}</div>
      <div slot="people">${this.#members()}</div>
      <div slot="chat">${this.tab === 'chat' ? this.#chat() : nothing}</div>
    </ud-tabs>`;
  }

  #dialogs(): TemplateResult {
    const isHosted = this.#state.acting_policy === 'host';
    return html`<ud-party-add
        .state=${this.#state}
        .library=${this.#library}
        .server=${this.#server}
        ?may-upload=${this.mayUpload}
        ?suggests=${isHosted && !this.#leads}
        @ud-choose-files=${() => this.uploadList?.choose()}
      ></ud-party-add>
      <ud-party-share
        .state=${this.#state}
        .invitations=${this.#invitations}
        .people=${this.#parties}
        link=${this.link}
        ?hosts=${this.#hosts}
      ></ud-party-share>
      <ud-party-settings
        .state=${this.#state}
        .library=${this.#library}
        .save=${(change: ChangeParty) => this.session.command({ command: 'set', ...change })}
      ></ud-party-settings>
      <ud-party-rename
        .rename=${(name: string) => this.session.command({ command: 'rename', name })}
      ></ud-party-rename>`;
  }

  #show(what: ShowEvent['what']): void {
    if (what === 'add') this.addDialog.show();
    else if (what === 'share') this.shareDialog.show();
    else this.settingsDialog.show();
  }

  readonly #picked = ({ id }: PickEvent): void => {
    if (id === 'settings') this.settingsDialog.show();
    else if (id === 'leave') this.#askToLeave();
    else this.#asking.ask({ ...texts.ending, act: () => this.session.command({ command: 'end' }) });
  };

  #askToLeave(): void {
    const { advice, hostAdvice, ...words } = texts.leaving;
    const isHost = this.#state.host === this.view.me;
    this.#asking.ask({ ...words, advice: isHost ? hostAdvice : advice, act: () => this.session.leave() });
  }

  #asked(action: PartyAction, done?: string, failed?: () => void): void {
    if (action.command === 'seek') this.#seeks.ask(action);
    else void this.#do(action, done, failed);
  }

  async #do(action: PartyAction, done?: string, failed?: () => void): Promise<void> {
    try {
      await this.session.command(action);
      if (done !== undefined) toast(done);
    } catch (error) {
      toast(refusal(error), 'error');
      failed?.();
    }
  }

  async #uploaded(itemId: ItemId): Promise<void> {
    const name = this.#uploads.views.find((view) => view.itemId === itemId)?.name ?? '';
    const isSuggestion = this.#state.acting_policy === 'host' && !this.#leads;
    const done = isSuggestion ? texts.add.suggestedOne(name) : texts.add.addedOne(name);
    await this.#do({ command: 'queue', item_id: itemId }, done);
  }

  #tick(): void {
    this.nowMs = this.session.serverNowMs() ?? Date.now();
    this.positionMs = this.session.positionMs();
  }

  readonly #sized = (): void => {
    this.isWide = this.#wide.matches;
  };

  readonly #warn = (event: BeforeUnloadEvent): void => {
    if (this.#uploads.isSending) event.preventDefault();
  };

  /** Any press suffices for the browser to let the page play. */
  readonly #clicked = (): void => {
    if (this.view.playback.phase === 'needs_gesture') this.session.unlock();
  };

  #setVolume(volume: number, muted: boolean): void {
    const within = Math.min(1, Math.max(0, volume));
    [this.volume, this.muted] = [within, muted];
    [this.session.volume, this.session.muted] = [within, muted];
    siteMemory.setItem(VOLUME, String(within));
  }

  readonly #key = (event: KeyboardEvent): void => {
    // Keys typed into a dialog, or just after it, are not meant for everyone.
    if (hasOpenDialog(document)) return;
    const focused = event.composedPath()[0];
    const element = focused instanceof HTMLElement ? (focused as Focused) : undefined;
    const inPlayer = event.composedPath().includes(this.stage);
    const command = deckCommandOf(event, element, { letters: lettersAreOn(), inPlayer });
    if (command !== undefined && this.#keyed(command)) event.preventDefault();
  };

  /**
   * Executes a key's command. Keys for seeking belong to the stage's slider, because here they would seek for everyone.
   */
  #keyed(command: DeckCommand): boolean {
    switch (command) {
      case 'mute':
        this.#setVolume(this.volume, !this.muted);
        return true;
      case 'louder':
        this.#setVolume(this.volume + LOUDER, false);
        return true;
      case 'quieter':
        this.#setVolume(this.volume - LOUDER, false);
        return true;
      case 'play_pause':
      case 'next':
      case 'previous':
        return this.#lead(command);
      default:
        return false;
    }
  }

  #lead(command: 'play_pause' | 'next' | 'previous'): boolean {
    const { timeline, acting_policy } = this.#state;
    if (!this.#leads || timeline.entry === undefined) return false;
    if (command === 'play_pause') void this.#do({ command: isHalted(this.#state) ? 'play' : 'pause' }, undefined);
    else if (acting_policy === 'host') void this.#do({ command }, undefined);
    else return false;
    return true;
  }

  /** Connects the system's media controls to the party for leaders; for others they do nothing. */
  #tellSystem(): void {
    const { entry } = this.#state.timeline;
    const key = `${entry?.entry_id ?? ''} ${String(this.#leads)}`;
    if (this.#shown === key) return;
    this.#shown = key;
    const picture = entry?.poster_url;
    showMedia(entry, picture === undefined ? undefined : new URL(picture, location.href).href);
    const isHosted = this.#leads && this.#state.acting_policy === 'host';
    connectMediaKeys({
      play: () => void (this.#leads && this.#do({ command: 'play' }, undefined)),
      pause: () => void (this.#leads && this.#do({ command: 'pause' }, undefined)),
      stop: () => this.#setVolume(this.volume, true),
      skip: () => undefined,
      seek: () => undefined,
      next: isHosted ? () => void this.#lead('next') : undefined,
      previous: isHosted ? () => void this.#lead('previous') : undefined,
    });
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-room': PartyRoom;
  }
}
