// A row for an entry: its picture, title and facts. For lists of queued, voted, suggested or found entries.

import { css, html, nothing, type TemplateResult } from 'lit';
import { memberOf } from '../../party/roles';
import type { Entry, PartyState } from '../../protocol/party';
import { strings } from '../../strings';
import { runningTime } from '../format';
import './art';

const texts = strings.party;

/** Picture and text of an entry; `more` follows the facts. */
export function entryText(
  entry: Pick<Entry, 'title' | 'artist' | 'duration_ms' | 'poster_url' | 'hash' | 'is_video' | 'stream_id'>,
  facts: readonly string[] = [],
  more: unknown = nothing,
): TemplateResult {
  const length = entry.duration_ms === undefined ? '' : runningTime(entry.duration_ms);
  const live = entry.stream_id === undefined ? '' : texts.stage.live;
  const shown = [entry.artist ?? '', live, length, ...facts].filter((fact) => fact !== '');
  return html`<ud-art
      class="art"
      seed=${entry.hash}
      .poster=${entry.poster_url}
      ?video=${entry.is_video === true || entry.stream_id !== undefined}
    ></ud-art>
    <div class="text">
      <strong dir="auto">${entry.title}</strong>
      <span class="facts" dir="auto">${shown.join(' · ')}</span>
      ${more}
    </div>`;
}

/** Who added an entry, as text. */
export function adder(state: PartyState, entry: Entry, me: string | undefined): string {
  if (entry.added_by === me) return texts.queue.by(texts.queue.you);
  return texts.queue.by(memberOf(state, entry.added_by)?.name ?? texts.queue.gone);
}

export const entryRows = css`
  .rows {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 4px;
    margin: 0;
    padding: 0;
    list-style: none;
  }
  .row {
    display: flex;
    align-items: center;
    gap: 12px;
    min-height: 60px;
    padding: 6px;
    border-radius: var(--ud-radius-small);
  }
  .row .art {
    flex: none;
    width: 48px;
    height: 48px;
  }
  .row .text {
    flex: 1;
    min-width: 0;
  }
  .row strong,
  .row .facts {
    display: block;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .row strong {
    font-weight: 650;
    letter-spacing: -0.01em;
    line-height: 1.35;
  }
  .row .facts {
    color: var(--ud-muted);
    font-size: var(--ud-text-xs);
  }
`;
