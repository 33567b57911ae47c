// Tables: rows on wide screens, cards on phones. Each cell names its column in `data-label`, which a card shows before
// the value. Rows and cells also have ARIA roles, because some browsers lose those of a `display: block` table.

import { css, html, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';

/** A table; its host must include the styles {@link tables}. */
export interface TableSetup<T> {
  columns: readonly string[];
  /** The heading of a last column with actions, for screen readers only. */
  actions?: string;
  rows: readonly T[];
  /** The identity of a row while its content changes. */
  key: (row: T) => string;
  /** One or more `<tr role="row">`. */
  row: (row: T) => TemplateResult;
}

/** Renders a table. */
export function table<T>({ columns, actions, rows, key, row }: TableSetup<T>): TemplateResult {
  const heading = (content: string | TemplateResult): TemplateResult =>
    html`<th scope="col" role="columnheader">${content}</th>`;
  return html`<table class="table" role="table">
    <thead role="rowgroup">
      <tr role="row">
        ${columns.map(heading)}
        ${actions === undefined ? '' : heading(html`<span class="visually-hidden">${actions}</span>`)}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${repeat(rows, key, row)}
    </tbody>
  </table>`;
}

/** The styles of {@link table}. */
export const tables = css`
  .table {
    width: 100%;
    border-collapse: collapse;
    font-variant-numeric: tabular-nums;
  }
  .table th,
  .table td {
    padding: var(--ud-space-3) var(--ud-space-4) var(--ud-space-3) 0;
    border-bottom: 1px solid var(--ud-line);
    text-align: left;
    vertical-align: middle;
  }
  .table th:last-child,
  .table td:last-child {
    padding-right: 0;
  }
  .table tbody tr:last-child > * {
    border-bottom: 0;
  }
  .table thead th {
    color: var(--ud-muted);
    font-size: var(--ud-text-s);
    font-weight: 500;
    white-space: nowrap;
  }
  .table td {
    white-space: nowrap;
  }
  .table tbody th {
    font-weight: 600;
    overflow-wrap: anywhere;
  }
  .table .name {
    display: block;
    min-width: 0;
  }
  .table ud-progress {
    width: 130px;
  }
  .table .end {
    text-align: right;
  }
  @media (max-width: 720px) {
    .table,
    .table tbody {
      display: block;
    }
    .table thead {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
    .table tbody tr {
      display: block;
      padding: var(--ud-space-4);
      border: 1px solid var(--ud-line);
      border-radius: var(--ud-radius);
      background: var(--ud-surface);
    }
    .table tbody tr + tr {
      margin-top: var(--ud-space-3);
    }
    .table tbody th,
    .table tbody td {
      display: flex;
      align-items: center;
      justify-content: space-between;
      gap: var(--ud-space-4);
      padding: var(--ud-space-1) 0;
      border: 0;
      text-align: right;
    }
    .table tbody th {
      padding-bottom: var(--ud-space-2);
      text-align: left;
    }
    .table tbody td[data-label]::before {
      content: attr(data-label);
      flex: none;
      color: var(--ud-muted);
      font-size: var(--ud-text-s);
    }
    .table tbody td:empty {
      display: none;
    }
  }
`;
