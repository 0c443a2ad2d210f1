/** What the gateway holds for its clients, as measured from outside. */
import type { Family } from "../observability/Metrics.ts"

export const families = {
  sessions: {
    name: "mcp_proxy_sessions",
    help: "Sessions of legacy clients that this process knows.",
    type: "gauge",
    labels: []
  },
  streams: {
    name: "mcp_proxy_streams",
    help: "Event streams to clients: those that somebody reads, and those that are kept for who may come back.",
    type: "gauge",
    labels: ["state"]
  },
  streamBytes: {
    name: "mcp_proxy_stream_buffered_bytes",
    help: "Bytes of messages that event streams hold.",
    type: "gauge",
    labels: []
  },
  parked: {
    name: "mcp_proxy_parked_calls",
    help: "Calls that wait for their clients to answer what a server asked.",
    type: "gauge",
    labels: []
  },
  queued: {
    name: "mcp_proxy_queued_calls",
    help: "Calls that wait for their turn, for their servers or their owners have as many as they may.",
    type: "gauge",
    labels: []
  },
  buffered: {
    name: "mcp_proxy_buffered_bytes",
    help: "Bytes of all that is held because somebody has not yet sent or read the rest; at most MCP_BUFFER_BYTES.",
    type: "gauge",
    labels: []
  }
} as const satisfies Record<string, Family>
