/** Headers, URIs, files. */
import * as Result from "effect/Result"
import * as UsersFile from "../../src/access/UsersFile.ts"
import * as ClientMetadata from "../../src/auth/ClientMetadata.ts"
import * as RedirectUri from "../../src/auth/RedirectUri.ts"
import * as Expansion from "../../src/config/Expansion.ts"
import * as JsonDocument from "../../src/config/JsonDocument.ts"
import * as HeaderText from "../../src/domain/HeaderText.ts"
import * as Names from "../../src/domain/Names.ts"
import * as ResourceUri from "../../src/domain/ResourceUri.ts"
import { ServerId } from "../../src/domain/ServerId.ts"
import * as UriSpelling from "../../src/domain/UriSpelling.ts"
import * as Accept from "../../src/http/Accept.ts"
import { must, type Target } from "./Target.ts"

const textOf = (input: Uint8Array): string => Buffer.from(input).toString()

const URIS = [
  "file:///a/b",
  "https://x.y/z?q#f",
  "urn:isbn:1",
  "notes/today",
  "data://s/info",
  "ui://a/b.html",
  "a://b/%2e%2e/c"
]

export const targets: ReadonlyArray<Target> = [
  {
    name: "a header's text",
    seeds: ["plain", "=?base64?aGk=?=", " \t padded ", "=?base64??=", "=?base64?=", "ünïcode"],
    check: (input) => {
      const text = textOf(input)
      HeaderText.decode(text)
      const value = HeaderText.encode(text)
      must(/^[\t\x20-\x7e]*$/u.test(value), "a value has characters that headers have not")
      must(HeaderText.decode(value) === text, "a text comes back as another")
    }
  },
  {
    name: "what a client accepts",
    seeds: ["application/json, text/event-stream", "*/*;q=0.1", "text/*", "application/json;q=0"],
    check: (input) => {
      const { prefersStream, stream } = Accept.read(textOf(input))
      must(stream || !prefersStream, "it prefers what it does not take")
      Accept.isJson(textOf(input))
    }
  },
  {
    name: "a resource's URI",
    seeds: URIS,
    check: (input) => {
      const uri = textOf(input)
      ResourceUri.fromPublic(uri)
      UriSpelling.of(uri)
      const back = ResourceUri.fromPublic(ResourceUri.toPublic(ServerId.make("server"), uri))
      must(back?.server === "server" && back.uri === uri, "a URI does not come back")
    }
  },
  {
    name: "a name",
    seeds: ["read_file", "a".repeat(80), "ünïcode", ""],
    check: (input) => {
      const name = textOf(input)
      must(Names.prefixed(ServerId.make("server"), name).length <= Names.MAX_LENGTH, "a name is too long")
      Names.nearest(name, ["read_file", "write_file"])
    }
  },
  {
    name: "a redirect URI",
    seeds: [
      "http://127.0.0.1:5000/cb",
      "https://claude.ai/api/mcp/auth_callback",
      "cursor://x/y",
      "http://localhost/cb",
      "javascript:1"
    ],
    check: (input) => {
      const uri = textOf(input)
      const inspected = RedirectUri.inspect(uri)
      must(Result.isFailure(inspected) || !/[\r\n]/u.test(uri), "an address breaks a line")
      must(
        !RedirectUri.isRegistered(["https://a.b/c"], uri) || uri === "https://a.b/c",
        "another address is taken for it"
      )
    }
  },
  {
    name: "a client's metadata",
    seeds: [
      '{"redirect_uris":["http://127.0.0.1/cb"],"client_name":"x","token_endpoint_auth_method":"none"}',
      '{"redirect_uris":5}'
    ],
    check: (input) => {
      let body: unknown
      try {
        body = JSON.parse(textOf(input))
      } catch {
        return
      }
      ClientMetadata.take(body)
    }
  },
  {
    name: "mcp_config.json",
    seeds: [
      '{"mcpServers":{"a":{"command":"x","args":["${A:-b}"]},"b":{"url":"https://x"}}}',
      '{"mcpServers":{},"gateway":{}}',
      "{}"
    ],
    check: (input) => {
      JsonDocument.read(textOf(input))
      Expansion.expand(textOf(input), (name) => (name.length % 2 === 0 ? name : undefined))
    }
  },
  {
    name: "users.json",
    seeds: [
      '{"ann@example.com":{"allowed_tools":["*"],"roles":["a"]},"roles":{"a":{"denied_tools":["x/*"]}}}',
      '{"@x.y":{}}'
    ],
    check: (input) => void UsersFile.read(textOf(input))
  }
]
