// Styles of form fields: `.field` around a label and its control, `.check` around a checkbox and its label.

import { css } from 'lit';

export const fields = css`
  .field {
    display: grid;
    gap: 6px;
  }
  label,
  legend {
    font-size: 0.9375rem;
    font-weight: 600;
  }
  .hint {
    color: var(--ud-muted);
    font-size: 0.875rem;
    font-weight: 400;
  }
  input[type='text'],
  input[type='password'],
  select {
    width: 100%;
    min-height: 46px;
    padding: 0 14px;
    border: 1px solid var(--ud-line-strong);
    border-radius: var(--ud-radius-small);
    background: var(--ud-bg);
    color: var(--ud-text);
    font: inherit;
  }
  input::placeholder {
    color: var(--ud-muted);
  }
  .check {
    display: flex;
    align-items: center;
    gap: 10px;
    min-height: 40px;
    cursor: pointer;
  }
  .check input {
    width: 20px;
    height: 20px;
    margin: 0;
    accent-color: var(--ud-accent);
  }
  .choices {
    display: flex;
    margin: 0;
    padding: 4px;
    border: 0;
    border-radius: 999px;
    background: var(--ud-surface-2);
  }
  .choices label {
    flex: 1;
    position: relative;
    padding: 7px 10px;
    border-radius: 999px;
    color: var(--ud-muted);
    text-align: center;
    cursor: pointer;
  }
  .choices input {
    position: absolute;
    inset: 0;
    margin: 0;
    opacity: 0;
    cursor: pointer;
  }
  .choices label:has(:checked) {
    background: var(--ud-surface);
    box-shadow: var(--ud-shadow);
    color: var(--ud-text);
  }
  .choices label:has(:focus-visible) {
    box-shadow: var(--ud-focus);
  }
`;
