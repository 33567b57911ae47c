// Chooses the transport for watching: WebSocket first, unless the page's address names another by `?transport=ws`,
// `socketio` or `polling`.

import { tabMemory } from '../browser/storage';
import { connect, connectPolling } from './socketio';
import { SocketIoViewer } from './socketio-viewer';
import type { ConnectViewer } from './viewer';
import { WsViewer } from './ws';
import { WsFirstViewer } from './ws-first';
import { WsMemory } from './ws-memory';

const ws: ConnectViewer = (publicUrl) => new WsViewer(publicUrl);
const socketIo: ConnectViewer = (publicUrl) => new SocketIoViewer(connect(publicUrl));
const polling: ConnectViewer = (publicUrl) => new SocketIoViewer(connectPolling(publicUrl));

let memory: WsMemory | undefined;

/** Returns how to connect over the transport `name`; unknown names mean the default. */
export function viewerTransport(name: string | null): ConnectViewer {
  switch (name) {
    case 'ws':
      return ws;
    case 'socketio':
      return socketIo;
    case 'polling':
      return polling;
    default:
      return (publicUrl) => {
        memory ??= new WsMemory(tabMemory);
        return new WsFirstViewer(publicUrl, { ws, socketIo, memory });
      };
  }
}
