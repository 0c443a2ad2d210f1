/** What a child process inherits of our environment: enough to run, nothing that is ours. */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

const INHERITED = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "TERM",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "TZ",
  "TMPDIR",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "ALL_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "all_proxy",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  // Without these nothing starts on Windows.
  "SystemRoot",
  "SYSTEMROOT",
  "APPDATA",
  "LOCALAPPDATA",
  "USERPROFILE",
  "PATHEXT",
  "TEMP",
  "TMP"
]

/** The inherited part, from the process's environment only: `.env` holds settings of the proxy itself. */
export const inherited: Effect.Effect<Readonly<Record<string, string>>> = Effect.gen(function* () {
  const provider = ConfigProvider.fromEnv()
  const found: Record<string, string> = {}
  for (const name of INHERITED) {
    const value = yield* Effect.orElseSucceed(Config.option(Config.String(name)).parse(provider), Option.none)
    if (Option.isSome(value)) found[name] = value.value
  }
  return found
})
