/** The demo's walk with the real code for Google, against a stand-in for Google: `npm run demo -- --walk --google`. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Google from "../src/auth/providers/Google.ts"
import * as Outgoing from "../src/auth/providers/Outgoing.ts"
import * as PublicUrl from "../src/auth/PublicUrl.ts"
import { walkThrough } from "../src/cli/demo.ts"
import { run } from "../src/cli/program.ts"
import * as Terminal from "../src/cli/Terminal.ts"
import type { AddressOptions } from "../src/http/Address.ts"
import { startGoogle } from "./support/google.ts"

const provider = ({ baseUrl, pathPrefix }: AddressOptions) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const callback = PublicUrl.of(PublicUrl.make(baseUrl, pathPrefix), "/auth/callback")
      const google = yield* startGoogle({ redirectUris: [callback] })
      yield* Effect.sync(() => Terminal.stdout.write(`  ✓ Google: a stand-in at ${google.issuer}`))
      return Google.layer(google).pipe(Layer.provide(Layer.succeed(Google.GoogleEndpoints, google.endpoints)))
    })
  ).pipe(Layer.provide(Outgoing.layer))

const usage = Effect.sync(() => {
  Terminal.stderr.write("--google goes with --walk, and nothing else: npm run demo -- --walk --google")
  process.exitCode = 1
})

run(process.argv.slice(2).sort().join(" ") === "--google --walk" ? walkThrough(provider) : usage)
