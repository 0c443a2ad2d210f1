/** The public API: what each layer gives, how it can fail, and what it needs, held by the compiler. */
import { assert, describe, it } from "@effect/vitest"
import type * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Api from "../src/index.ts"

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only if the claim is true. */
const holds = <Claim extends true>(): Claim | undefined => undefined

type Platform = ChildProcessSpawner | Api.HttpAgent | Api.Reaper

describe("the public API", () => {
  it("runs a gateway that cannot fail and needs a platform, a key, a store, a policy and an audit trail", () => {
    type GatewayLayer = ReturnType<typeof Api.Gateway.layer>
    holds<Equal<Layer.Error<GatewayLayer>, never>>()
    holds<
      Equal<
        Layer.Services<GatewayLayer>,
        Platform | Api.RootKey | Api.Store.Store | Api.AccessPolicy.AccessPolicy | Api.Audit.Audit
      >
    >()
    assert.isFunction(Api.Gateway.layer)
  })

  it("runs a fleet that cannot fail and needs a platform, and what is known of eras", () => {
    type FleetLayer = ReturnType<typeof Api.Fleet.layer>
    holds<Equal<Layer.Success<FleetLayer>, Api.Fleet.Fleet>>()
    holds<Equal<Layer.Error<FleetLayer>, never>>()
    holds<Equal<Layer.Services<FleetLayer>, Platform | Api.EraVerdicts>>()
    assert.isFunction(Api.Fleet.layer)
  })

  it("supervises an upstream whose being down is a status and never a failed build", () => {
    type UpstreamLayer = ReturnType<typeof Api.Supervisor.layer>
    holds<Equal<Layer.Success<UpstreamLayer>, Api.Upstream>>()
    holds<Equal<Layer.Error<UpstreamLayer>, never>>()
    holds<Equal<Layer.Services<UpstreamLayer>, Platform | Api.EraVerdicts>>()
    assert.isFunction(Api.Supervisor.layer)
  })

  it("keeps state in memory or on SQLite, and only the latter can fail to open", () => {
    holds<Equal<typeof Api.Store.layerMemory, Layer.Layer<Api.Store.Store>>>()
    type Sqlite = ReturnType<typeof Api.SqliteStore.layer>
    holds<Equal<Layer.Error<Sqlite>, Api.Store.StoreError>>()
    holds<Equal<Layer.Services<Sqlite>, never>>()
    assert.isFunction(Api.SqliteStore.layer)
  })

  it("takes a root key of this process or of a file", () => {
    holds<Equal<typeof Api.RootKey.layerRandom, Layer.Layer<Api.RootKey>>>()
    type FromFile = ReturnType<typeof Api.RootKey.layerFile>
    holds<Equal<Layer.Services<FromFile>, FileSystem.FileSystem>>()
    assert.isFunction(Api.RootKey.layerFile)
  })

  it("needs of the platform's layers what their names say", () => {
    holds<Equal<typeof Api.HttpAgent.layer, Layer.Layer<Api.HttpAgent>>>()
    holds<Equal<typeof Api.Reaper.layer, Layer.Layer<Api.Reaper, never, ChildProcessSpawner>>>()
    type Load = ReturnType<typeof Api.ConfigFile.load>
    holds<
      Load extends Effect.Effect<unknown, Api.ConfigFile.ConfigError, FileSystem.FileSystem | Path.Path> ? true : false
    >()
    assert.isFunction(Api.ConfigFile.load)
  })
})
