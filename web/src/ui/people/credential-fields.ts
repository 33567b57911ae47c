// Fields for a name and a password, recognised by password managers.

import type { TemplateResult } from 'lit';
import { MAX_NAME_CHARS, PASSWORD_CHARS } from '../../protocol/account';
import { strings } from '../../strings';
import { textField, type TextField } from '../fields';

const texts = strings.people;

/** Options that differ between uses. */
type Change = Partial<Omit<TextField, 'id' | 'type'>>;

/** The name of an account; `isNew` adds the rules for names. */
export function nameField(isNew: boolean, change: Change): TemplateResult {
  return textField({
    id: 'name',
    label: texts.name,
    autocomplete: isNew ? 'off' : 'username',
    maxLength: MAX_NAME_CHARS,
    required: true,
    ...(isNew ? { hint: texts.nameHint } : {}),
    ...change,
  });
}

/** A password; `isNew` adds the required length. */
export function passwordField(isNew: boolean, change: Change & { id?: string }): TemplateResult {
  return textField({
    id: 'password',
    label: texts.password,
    type: 'password',
    autocomplete: isNew ? 'new-password' : 'current-password',
    maxLength: PASSWORD_CHARS.most,
    required: true,
    ...(isNew ? { hint: texts.passwordHint, minLength: PASSWORD_CHARS.least } : {}),
    ...change,
  });
}
