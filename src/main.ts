/** temporary */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as AllSettings from "./cli/AllSettings.ts"
import { serve } from "./cli/serve.ts"
import * as Terminal from "./cli/Terminal.ts"
import * as Logging from "./observability/Logging.ts"
import * as Settings from "./settings/Settings.ts"

const program = Effect.gen(function* () {
  const settings = yield* AllSettings.load
  return yield* serve(settings, { waitForPort: true }).pipe(Effect.provide(Logging.layer(settings.log, Terminal.stdout)))
}).pipe(Effect.provide(Settings.layerDotEnv), Effect.provide(NodeServices.layer))
NodeRuntime.runMain(program as any)
