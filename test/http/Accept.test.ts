/** Which media types a client takes. */
import { assert, describe, it } from "@effect/vitest"
import * as Accept from "../../src/http/Accept.ts"

describe("a client that accepts", () => {
  it.each([
    [undefined, true, true, false],
    ["", true, true, false],
    ["   ", true, true, false],
    ["*/*", true, true, false],
    ["application/json, text/event-stream", true, true, false],
    ["application/json,text/event-stream", true, true, false],
    ["text/event-stream, application/json", true, true, true],
    ["text/event-stream;q=0.9, application/json", true, true, true],
    ["application/json", true, false, false],
    ["text/event-stream", false, true, true],
    ["TEXT/Event-Stream", false, true, true],
    ["application/json; q=0.5 , text/event-stream ;q=1.0", true, true, false],
    ["application/*", true, false, false],
    ["text/*", false, true, false],
    ["text/html, */*;q=0.8", true, true, false],
    ["application/json;charset=utf-8", true, false, false],
    ["application/json, text/event-stream;q=0", true, false, false],
    ["application/json;q=0.000, text/event-stream", false, true, false],
    ["application/json, */*;q=0", true, false, false],
    ["text/event-stream;q=0, */*", true, false, false],
    ["application/json;q=0, */*", false, true, false],
    ["text/html", false, false, false],
    ["application/json-patch+json", false, false, false],
    ["text/event-stream-x", false, false, false],
    ["json", false, false, false]
  ])("%j takes JSON: %s, takes a stream: %s, would rather have a stream: %s", (accept, json, stream, prefersStream) => {
    assert.deepStrictEqual(Accept.read(accept), { json, stream, prefersStream })
  })
})

describe("a body of content type", () => {
  it.each([
    "application/json",
    "APPLICATION/JSON",
    " application/json ",
    "application/json; charset=utf-8",
    "application/json;x"
  ])("%j is JSON", (contentType) => {
    assert.isTrue(Accept.isJson(contentType))
  })

  it.each([
    undefined,
    "",
    "text/plain",
    "application/jsonp",
    "application/json-seq",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=application/json",
    "text/plain; application/json",
    "application/json, text/plain"
  ])("%j is not: a page of another origin can send such a body unasked", (contentType) => {
    assert.isFalse(Accept.isJson(contentType))
  })
})
