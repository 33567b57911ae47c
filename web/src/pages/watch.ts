// The page of one stream, /view/{stream_id}: the player, the title, the viewers, a link to share. As /embed/{stream_id}
// it is only the player.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { MainServer } from '../api/client';
import { serverTime } from '../api/server-time';
import { isConcealed, type Assignment, type StreamInfo, type StreamState } from '../protocol/stream';
import { strings } from '../strings';
import { badges, stateBadge, viewersBadge } from '../ui/badges';
import '../ui/copy-link';
import { runningTime } from '../ui/format';
import '../ui/shell';
import '../ui/stream-card';
import { base } from '../ui/styles';
import '../ui/player/player-element';
import type { AdmittedEvent, WatchStateEvent } from '../ui/player/player-element';
import { Audience } from '../watch/audience';
import { Questions } from '../watch/questions';
import type { WatchPhase, WatchState } from '../watch/session/state';
import { embedded, invited, streamId, view } from './watch-early';

/** Number of other streams that are offered. */
const OTHERS = 4;

const link = location.origin + location.pathname;

@customElement('ud-watch-page')
export class WatchPage extends LitElement {
  @state() private info: StreamInfo | undefined;
  @state() private watchState: WatchState | undefined;
  @state() private others: readonly StreamInfo[] = [];
  @state() private nowMs = serverTime.nowMs();
  readonly #server = new MainServer();
  readonly #audience = new Audience();
  /** Proves that this viewer was admitted. */
  #grant = invited.grant;
  readonly #questions = new Questions(
    () => this.#look(),
    () => this.#lookAround(),
  );
  #timer: ReturnType<typeof setInterval> | undefined;

  static override styles = [
    base,
    badges,
    css`
      .stage {
        width: var(--ud-stage);
        margin-inline: calc((100% - var(--ud-stage)) / 2);
      }
      ud-player {
        box-shadow: var(--ud-shadow-raised);
      }
      .about {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(260px, 380px);
        align-items: start;
        gap: 14px 28px;
        margin-top: 18px;
      }
      .about > :first-child {
        min-height: 66px;
      }
      h1 {
        font-size: clamp(1.25rem, 2.6vw, 1.75rem);
        overflow-wrap: anywhere;
      }
      .facts {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px;
        min-height: 26px;
        margin-top: 10px;
        color: var(--ud-muted);
        font-size: var(--ud-text-s);
        font-variant-numeric: tabular-nums;
      }
      .others {
        margin-top: clamp(32px, 5vw, 56px);
      }
      h2 {
        margin-bottom: 16px;
        font-size: var(--ud-text-l);
      }
      .cards {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 260px), 1fr));
        gap: 24px 20px;
      }
      .embedded ud-player {
        height: 100vh;
        height: 100dvh;
        aspect-ratio: auto;
        border-radius: 0;
        box-shadow: none;
      }
      @media (max-width: 760px) {
        ud-player {
          border-radius: 0;
        }
        .about,
        .others {
          padding-inline: var(--ud-gutter);
        }
        .about {
          grid-template-columns: minmax(0, 1fr);
        }
      }
      /* A phone in landscape: the picture as high as the screen, the rest beside it. */
      @media (max-height: 500px) and (min-width: 600px) {
        .stage {
          display: grid;
          grid-template-columns: minmax(0, 1fr) minmax(210px, 30%);
          align-items: start;
          gap: 0 20px;
        }
        ud-player {
          border-radius: var(--ud-radius);
        }
        .about {
          grid-template-columns: minmax(0, 1fr);
          margin-top: 0;
          padding: 0;
        }
        h1 {
          font-size: var(--ud-text-l);
        }
        .others {
          grid-column: 1 / -1;
          padding: 0;
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    if (embedded) return;
    this.#timer = setInterval(() => (this.nowMs = serverTime.nowMs()), 1_000);
    this.#questions.start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
    this.#questions.stop();
  }

  override render(): TemplateResult {
    const player = html`<ud-player
      .view=${view}
      .recording=${this.info?.recording}
      ?embedded=${embedded}
      @ud-watch-state=${(event: WatchStateEvent) => this.#heard(event.state)}
      @ud-admitted=${(event: AdmittedEvent) => this.#admitted(event.assignment)}
    ></ud-player>`;
    if (embedded) return html`<ud-shell bare><div class="embedded">${player}</div></ud-shell>`;
    return html`<ud-shell current="view" compact>
      <div class="stage">
        ${player}
        <div class="about">
          <div>
            <h1 class=${this.info ? '' : 'visually-hidden'} dir="auto">
              ${this.info?.title ?? strings.watch.player.stream}
            </h1>
            <div class="facts">${this.#facts()}</div>
          </div>
          ${this.#isNowhere ? nothing : html`<ud-copy-link ?primary=${this.watchState?.phase === 'live'} .url=${link}></ud-copy-link>`}
        </div>
        ${this.#alsoLive()}
      </div>
    </ud-shell>`;
  }

  /** Whether there is nothing to show or share of the stream. */
  get #isNowhere(): boolean {
    return this.watchState?.phase === 'not_found' || this.watchState?.phase === 'uninvited';
  }

  #alsoLive(): TemplateResult | typeof nothing {
    if (this.others.length === 0) return nothing;
    const card = (stream: StreamInfo): TemplateResult =>
      html`<ud-stream-card .stream=${stream} .nowMs=${this.nowMs}></ud-stream-card>`;
    return html`<section class="others" aria-labelledby="others">
      <h2 id="others">${strings.watch.alsoLive}</h2>
      <div class="cards">${repeat(this.others, ({ stream_id }) => stream_id, card)}</div>
    </section>`;
  }

  #facts(): TemplateResult | typeof nothing {
    const known = this.watchState && stateOf(this.watchState.phase);
    // A viewer who paused has left the node, so only the main server's answer tells that the stream has ended.
    const current = this.info?.state === 'ended' ? 'ended' : (known ?? this.info?.state);
    if (current === undefined || this.#isNowhere) return nothing;
    if (this.info !== undefined && isConcealed(this.info)) return stateBadge(current);
    return html`${stateBadge(current)}
    ${current === 'ended' || current === 'created' ? nothing : viewersBadge(this.#audience.total)}
    ${this.#since(current)}`;
  }

  #since(current: StreamState): TemplateResult | typeof nothing {
    if (this.info === undefined || current !== 'live') return nothing;
    return html`<span>${strings.watch.onAirFor(runningTime(this.nowMs - this.info.started_at_ms))}</span>`;
  }

  #heard(state: WatchState): void {
    this.watchState = state;
    this.#audience.onNode = state.viewers;
    if (!embedded) this.#questions.heard(state.phase);
  }

  async #lookAround(): Promise<void> {
    const streams = await this.#server.streams();
    this.others = streams.filter(({ stream_id, state }) => state === 'live' && stream_id !== streamId).slice(0, OTHERS);
  }

  /** On failure the player shows the problem, and the last known data of the stream stays. */
  async #look(): Promise<StreamInfo> {
    const stream = await this.#server.stream(streamId, this.#grant);
    this.#learn(stream);
    return stream;
  }

  #admitted({ grant, stream }: Assignment): void {
    this.#grant = grant;
    if (stream) this.#learn(stream);
  }

  #learn(stream: StreamInfo): void {
    // An answer from before this viewer was admitted contains less.
    if (isConcealed(stream) && this.info !== undefined && !isConcealed(this.info)) return;
    this.info = stream;
    this.#audience.everywhere = stream.viewers;
    if (!embedded) document.title = strings.pageTitle(stream.title);
  }
}

/** The state of the stream that a phase of watching implies, if any. */
function stateOf(phase: WatchPhase): StreamState | undefined {
  switch (phase) {
    case 'live':
    case 'interrupted':
    case 'ended':
      return phase;
    case 'waiting':
      return 'created';
    default:
      return undefined;
  }
}
