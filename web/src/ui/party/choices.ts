// Radio buttons for who decides and who may join, used when starting a party and in its settings.

import { html, type TemplateResult } from 'lit';
import type { PartyAccess, Policy } from '../../protocol/party';
import { strings } from '../../strings';

const texts = strings.parties;
const POLICIES: readonly Policy[] = ['host', 'vote'];
const ACCESSES: readonly PartyAccess[] = ['public', 'unlisted', 'private'];

/** Who decides what plays. */
export function policyChoice(chosen: Policy, changed: (policy: Policy) => void): TemplateResult {
  return choice(
    'policy',
    texts.create.policy,
    POLICIES.map((value) => ({ value, name: texts.policies[value], advice: texts.create.policyAdvice[value] })),
    chosen,
    changed,
  );
}

/** Who may join. */
export function accessChoice(chosen: PartyAccess, changed: (access: PartyAccess) => void): TemplateResult {
  return choice(
    'access',
    texts.create.access,
    ACCESSES.map((value) => ({ value, ...texts.create.accesses[value] })),
    chosen,
    changed,
  );
}

function choice<T extends string>(
  name: string,
  legend: string,
  options: readonly { value: T; name: string; advice: string }[],
  chosen: T,
  changed: (value: T) => void,
): TemplateResult {
  return html`<fieldset>
    <legend>${legend}</legend>
    <div class="choices">
      ${options.map(
        (option) =>
          html`<label>
            <input
              type="radio"
              name=${name}
              value=${option.value}
              .checked=${option.value === chosen}
              @change=${() => changed(option.value)}
            />
            <span><strong>${option.name}</strong><span class="hint">${option.advice}</span></span>
          </label>`,
      )}
    </div>
  </fieldset>`;
}
