/** Resource URIs of several servers in one space: every URI of every server has a public form, and comes back from it. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as ResourceUri from "../../src/domain/ResourceUri.ts"
import { ServerId, slug } from "../../src/domain/ServerId.ts"
import * as View from "../../src/domain/View.ts"

const server = (name: string): ServerId => ServerId.make(name)

/** Texts that a server may call a resource: of every shape of URI, and of none. */
const scheme = fc.constantFrom("file", "FILE", "File", "data", "http", "x-my.scheme+1", "a", "urn", "notes")
const path = fc.oneof(
  fc.string({ maxLength: 10 }),
  fc.webPath(),
  fc.constantFrom("", "/", "//", "///", "/etc/hosts", "host/share", "{path}", "/{+path}", "{host}/{x}", "a/b?c#d", "..")
)
const uri: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: "grapheme" }),
  fc.webUrl({ withFragments: true, withQueryParameters: true }),
  fc.tuple(scheme, fc.constantFrom(":", ":/", "://", ":///", "://///"), path).map((parts) => parts.join("")),
  path,
  fc.tuple(path, scheme, path).map(([a, b, c]) => `${a}${b}:${c}`)
)

const serverName = fc.oneof(
  fc.constantFrom(
    "fs",
    "a",
    "a_b",
    "A.b-c",
    "127.0.0.1",
    "github.com/modelcontextprotocol/servers",
    "名前",
    "..",
    "a b"
  ),
  fc.string({ minLength: 1, maxLength: 12 })
)

describe("a URI's public form", () => {
  it("leads back to the server and to the very same URI, whatever the server calls it", () => {
    fc.assert(
      fc.property(serverName, uri, (name, original) => {
        const shown = ResourceUri.toPublic(server(name), original)
        assert.deepStrictEqual(ResourceUri.fromPublic(shown), { server: slug(server(name)), uri: original })
      }),
      { numRuns: 3000 }
    )
  })

  it("is no other URI's, of the same server or of another", () => {
    const one = fc.tuple(fc.constantFrom("a", "b", "a.b"), uri)
    fc.assert(
      fc.property(one, one, ([nameA, uriA], [nameB, uriB]) => {
        fc.pre(nameA !== nameB || uriA !== uriB)
        assert.notStrictEqual(ResourceUri.toPublic(server(nameA), uriA), ResourceUri.toPublic(server(nameB), uriB))
      }),
      { numRuns: 1000 }
    )
  })

  it("keeps the scheme, so that a client still sees what kind of resource it is", () => {
    fc.assert(
      fc.property(serverName, scheme, path, (name, kind, rest) => {
        assert.isTrue(ResourceUri.toPublic(server(name), `${kind}:${rest}`).startsWith(`${kind}:`))
      })
    )
  })

  it.each([
    ["data://info", "data://s/info"],
    ["data:///info", "data://s//info"],
    ["file:///etc/hosts", "file://s/etc/hosts"],
    ["file://host/share", "file://s//host/share"],
    ["FILE:///etc/hosts", "FILE://s/etc/hosts"],
    ["file:/etc/hosts", "file:s//etc/hosts"],
    ["urn:isbn:1", "urn:s/isbn:1"],
    ["mailto:a@b.c", "mailto:s/a@b.c"],
    ["notes/today", "s/notes/today"],
    ["/abs", "s//abs"],
    ["", "s/"],
    ["data://", "data://s/"],
    ["file:///{path}", "file://s/{path}"],
    ["notes://{id}/x", "notes://s/{id}/x"],
    ["{+uri}", "s/{+uri}"]
  ])("of %s is %s", (original, shown) => {
    assert.strictEqual(ResourceUri.toPublic(server("s"), original), shown)
    assert.deepStrictEqual(ResourceUri.fromPublic(shown), { server: "s", uri: original })
  })
})

describe("a URI that a client filled in from a template", () => {
  const values = fc.stringMatching(/^[A-Za-z0-9._~%-]+$/u)
  const template = fc
    .tuple(scheme, fc.constantFrom(":", "://", ":///"), fc.constantFrom("{x}", "a/{x}", "{x}/b", "a/{x}/c?d={x}"))
    .map((parts) => parts.join(""))

  it("is the URI that the server's own template would have given", () => {
    fc.assert(
      fc.property(serverName, template, values, (name, original, value) => {
        const fill = (text: string): string => text.replaceAll("{x}", value)
        const shown = ResourceUri.toPublic(server(name), original)
        assert.deepStrictEqual(ResourceUri.fromPublic(fill(shown)), { server: slug(server(name)), uri: fill(original) })
      }),
      { numRuns: 500 }
    )
  })
})

describe("a URI that is not one of ours", () => {
  it.each(["", "/", "plain", "//x/y", "data:", "data://", "data:///x", "urn:isbn", "urn:/x", "file:///etc/hosts"])(
    "%s names no server",
    (text) => {
      assert.isUndefined(ResourceUri.fromPublic(text))
    }
  )

  it("no text makes reading one throw", () => {
    fc.assert(
      fc.property(uri, (text) => {
        ResourceUri.fromPublic(text)
      })
    )
  })
})

describe("whose resource a URI names", () => {
  const servers = ["alpha", "Beta", "github.com/x"].map(server)
  const prefixed: View.Scheme = { names: "prefixed", uris: "prefixed" }

  it("is found again for every server of a view", () => {
    fc.assert(
      fc.property(fc.constantFrom(...servers), uri, (owner, original) => {
        const found = View.resourceOwner(servers, prefixed, ResourceUri.toPublic(owner, original))
        assert.deepStrictEqual(found, { server: owner, uri: original })
      }),
      { numRuns: 1000 }
    )
  })

  it("is found also where a client lower-cased the scheme and the host", () => {
    assert.deepStrictEqual(View.resourceOwner(servers, prefixed, "data://beta/Info"), {
      server: server("Beta"),
      uri: "data://Info"
    })
  })

  it("is nobody's where no server of the view is named", () => {
    assert.isUndefined(View.resourceOwner(servers, prefixed, "data://gamma/info"))
    assert.isUndefined(View.resourceOwner(servers, prefixed, "data:info"))
    assert.isUndefined(View.resourceOwner([], prefixed, "data://alpha/info"))
  })

  it("is the only server's, whatever the URI, where URIs are not prefixed", () => {
    fc.assert(
      fc.property(uri, (original) => {
        assert.deepStrictEqual(View.resourceOwner([server("only")], View.plain, original), {
          server: server("only"),
          uri: original
        })
      })
    )
    assert.isUndefined(View.resourceOwner([], View.plain, "data://x"))
  })
})
