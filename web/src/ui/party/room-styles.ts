// Styles of <ud-party-room>: on a phone one column with tabs below the stage, on a desktop people and chat beside it.

import { css } from 'lit';

export const roomStyles = css`
  .room {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: var(--ud-space-4);
  }
  .head {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px 12px;
  }
  .name {
    flex: 1 1 14rem;
    min-width: 0;
  }
  h1 {
    font-size: clamp(1.375rem, 1.1rem + 1.2vw, 1.875rem);
    letter-spacing: -0.03em;
    overflow-wrap: anywhere;
  }
  .facts {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 6px;
    margin-top: 6px;
  }
  .faces {
    display: inline-flex;
    padding-left: 6px;
  }
  .faces ud-avatar {
    --size: 26px;
    margin-left: -7px;
    box-shadow: 0 0 0 2px var(--ud-bg);
  }
  .tools {
    display: flex;
    align-items: center;
    gap: 4px;
  }
  .tools svg {
    width: 20px;
    height: 20px;
  }
  .columns {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    align-items: start;
    gap: var(--ud-space-4);
  }
  .column {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: var(--ud-space-4);
  }
  ud-party-chat {
    --chat-height: clamp(320px, 58dvh, 560px);
  }
  .sending {
    margin-bottom: var(--ud-space-4);
  }
  @media (min-width: 900px) {
    .room {
      padding-top: 8px;
    }
    .columns {
      grid-template-columns: minmax(0, 1fr) minmax(300px, 348px);
    }
  }
  @media (max-width: 480px) {
    .facts .badge.wide {
      display: none;
    }
    .name {
      flex-basis: 8rem;
    }
    .faces {
      display: none;
    }
    .tools .button {
      padding-inline: 14px;
    }
  }
`;
