// What the main server tells operators about nodes. Mirrors crates/protocol/src/node.rs.

/** An operator's limits for one node; a missing limit means unlimited. */
export interface Capacity {
  streams?: number;
  viewers?: number;
  egress_bytes_per_s?: number;
}

/** How loaded a node is. */
export interface Load {
  viewers: number;
  egress_bytes_per_s: number;
  ring_bytes: number;
  /** CPU use, as a share of the processors available to the node. */
  cpu_permille: number;
  /** How often viewers skipped to a newer group since the node started. */
  skips: number;
}

/** One node, as listed. */
export interface NodeInfo {
  node_id: string;
  hostname: string;
  public_url: string;
  /** Streams placed on it that have not ended. */
  streams: number;
  capacity: Capacity;
  region?: string;
  load: Load;
  /** 0 once its lease has ended. */
  lease_left_ms: number;
  /** How far its machine's clock is ahead of the main server's; left out while unknown. */
  clock_offset_ms?: number;
}

/** How many nodes the current load needs. */
export interface Scaling {
  nodes: number;
  wanted: number;
  /** The reason, as a sentence for people. */
  reason: string;
  /** Hostnames of nodes that may be stopped. */
  may_go: string[];
}
