// Form fields: `textField` for a labelled input with hint and error, `selectField` for a choice from a list; styles of
// `.field`, of `.check` around a checkbox and its label, and of `.choices` around radio buttons.

import { css, html, nothing, type TemplateResult } from 'lit';

/** A text field. `id` is unique in its shadow root. */
export interface TextField {
  id: string;
  label: string;
  value?: string;
  type?: 'text' | 'password';
  hint?: string;
  /** What is wrong with the value; announced at once to screen readers. */
  error?: string;
  placeholder?: string;
  autocomplete?: AutoFill | 'nickname';
  minLength?: number;
  maxLength?: number;
  required?: boolean;
  changed?: (value: string) => void;
}

/** A labelled input, described by its hint and error. */
export function textField(field: TextField): TemplateResult {
  const { id, label, hint = '', error = '', changed } = field;
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <input
      id=${id}
      type=${field.type ?? 'text'}
      autocomplete=${field.autocomplete ?? 'off'}
      minlength=${field.minLength ?? nothing}
      maxlength=${field.maxLength ?? nothing}
      placeholder=${field.placeholder ?? nothing}
      ?required=${field.required}
      aria-describedby=${described || nothing}
      aria-invalid=${error ? 'true' : nothing}
      .value=${field.value ?? ''}
      @input=${(event: InputEvent) => changed?.((event.target as HTMLInputElement).value)}
    />
    ${hint ? html`<span class="hint" id="${id}-hint">${hint}</span>` : nothing}
    ${error ? html`<span class="error" id="${id}-error" role="alert">${error}</span>` : nothing}
  </div>`;
}

/** A choice from a short list. `id` is unique in its shadow root. */
export interface SelectField {
  id: string;
  label: string;
  options: readonly string[];
  /** The index of the chosen option. */
  chosen: number;
  changed: (index: number) => void;
}

/** A labelled choice from a list. */
export function selectField({ id, label, options, chosen, changed }: SelectField): TemplateResult {
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <select id=${id} @change=${(event: Event) => changed((event.target as HTMLSelectElement).selectedIndex)}>
      ${options.map((option, index) => html`<option ?selected=${index === chosen}>${option}</option>`)}
    </select>
  </div>`;
}

export const fields = css`
  .field {
    display: grid;
    gap: 6px;
  }
  .field label,
  legend {
    font-size: var(--ud-text-s);
    font-weight: 600;
  }
  .error {
    color: var(--ud-live);
    font-size: var(--ud-text-s);
    font-weight: 550;
  }
  input[type='text'],
  input[type='password'],
  input[type='search'],
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
  input[aria-invalid='true'] {
    border-color: var(--ud-live);
  }
  input::placeholder {
    color: var(--ud-muted);
    opacity: 1;
  }
  .check {
    display: flex;
    align-items: center;
    gap: 10px;
    min-height: var(--ud-target);
    cursor: pointer;
  }
  .check input {
    flex: none;
    width: 20px;
    height: 20px;
    margin: 0;
    accent-color: var(--ud-accent);
  }
  fieldset {
    min-width: 0;
    margin: 0;
    padding: 0;
    border: 0;
  }
  legend {
    margin-bottom: 6px;
    padding: 0;
  }
  .choices {
    display: grid;
    gap: var(--ud-space-2);
  }
  .choices label {
    display: flex;
    align-items: center;
    gap: var(--ud-space-3);
    min-height: 52px;
    padding: var(--ud-space-2) 14px;
    border: 1px solid var(--ud-line);
    border-radius: var(--ud-radius-small);
    cursor: pointer;
  }
  .choices input {
    flex: none;
    width: 20px;
    height: 20px;
    margin: 0;
    accent-color: var(--ud-accent);
  }
  .choices label:has(:checked) {
    border-color: var(--ud-accent);
    background: var(--ud-accent-soft);
  }
  .choices label:has(:focus-visible) {
    box-shadow: var(--ud-focus);
  }
  .choices :focus-visible {
    box-shadow: none;
  }
  .choices strong {
    display: block;
    font-weight: 600;
    line-height: 1.3;
  }
`;
