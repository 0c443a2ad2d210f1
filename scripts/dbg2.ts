let W: any
import { scheduleOf } from "../test/simulation/schedule.ts"
import { simulate } from "../test/simulation/simulate.ts"
import { World } from "../test/simulation/World.ts"
import { Site } from "../test/simulation/Site.ts"
import { printSetup } from "../test/simulation/Step.ts"
import { Road } from "../test/simulation/Road.ts"
const oc = (Road.prototype as any).connect
;(Road.prototype as any).connect = function (c: any, asked: any, h: any) {
  const n = this.exchanges + 1
  const at = () => `t+${(W?.timeline.now ?? 0) - 1_780_000_000_000}`
  console.log(
    "   ",
    at(),
    "connect",
    n,
    c,
    asked.method,
    JSON.stringify(asked.body)?.slice(0, 200) ?? "",
    asked.headers["last-event-id"] ? "RESUME" : ""
  )
  const close = oc.call(this, c, asked, {
    ...h,
    head: (st: number, hd: any) => {
      console.log("     ", at(), "head", n, st, hd["content-type"])
      h.head(st, hd)
    },
    data: (t: string) => {
      console.log("     ", at(), "data", n, t.replace(/id: \S+/g, "id").slice(0, 200))
      h.data(t)
    },
    end: () => {
      console.log("     ", at(), "end", n)
      h.end()
    },
    refused: () => {
      console.log("     ", at(), "refused", n)
      h.refused()
    }
  })
  return () => {
    console.log("     ", at(), "close", n)
    close()
  }
}
const ex = (Site.prototype as any).receive
;(Site.prototype as any).receive = function (r: any, w: any) {
  console.log(
    "        site",
    w.name,
    r.method,
    r.body ? Buffer.from(r.body).toString().slice(0, 160) : "",
    r.headers["mcp-session-id"] ?? "",
    r.headers["last-event-id"] ?? "",
    w.isOpen
  )
  return ex.call(this, r, w)
}
import * as P from "../test/support/memoryProcesses.ts"
void P

const st = (World.prototype as any).settle
;(World.prototype as any).settle = function (...a: any[]) {
  W = this
  return st.apply(this, a)
}
const wp = (World.prototype as any).program
;(World.prototype as any).program = function (e: any) {
  const p = wp.call(this, e)
  return (self: any) => {
    console.log("        starts", e.setup.name, self.pid, self.env.VERSION)
    const say = self.say
    const s2 = {
      ...self,
      say: (m: any) => {
        console.log("        says", self.pid, JSON.stringify(m).slice(0, 160))
        say(m)
      },
      exit: (c: number) => {
        console.log("        exits", self.pid, c)
        self.exit(c)
      }
    }
    const q = p(s2)
    return {
      ...q,
      heard: (m: any) => {
        console.log("        hears", self.pid, JSON.stringify(m).slice(0, 160))
        q.heard(m)
      }
    }
  }
}
const sch = scheduleOf(Number(process.argv[2]))
console.log(printSetup(sch.setup))
const v = await simulate(
  process.argv[3]
    ? { ...sch, steps: JSON.parse(process.argv[3]).map((event: any) => ({ event, turns: undefined })) }
    : sch,
  { trace: console.log }
)
console.log(v); for (const c of W.ledger.all()) console.log(c.tag, c.client, c.server, c.plan._tag, "begun", c.begun, "ended", c.ended, JSON.stringify(c.outcome)?.slice(0,150), JSON.stringify(W.executions(c.tag)))
for (const [n, st] of W.sites)
  for (const w of st.wires) if (w.isOpen) console.log("WIRE", n, w.name, w.hasHead, w.hasLeft)
for (const e of W.estates.values())
  for (const x of e.open()) console.log("OPEN", x.tag, x.server, x.connection, x.state)
if (process.env.DEBUGFIBERS)
  for (const [f, st] of W.instance.turns.seen)
    if (f.pollUnsafe() === undefined) {
      const first = Math.min(...[...W.instance.turns.seen.keys()].map((x: any) => x.id))
      for (const d of [-1, 0, 1])
        console.log(
          "START",
          d,
          f.id - first + d,
          (globalThis as any).starts[f.id - first + d]
            ?.split("\n")
            .filter((l: string) => !/internal\/effect|core.js/.test(l))
            .slice(0, 16)
            .join("\n")
        )
      console.log(
        "FIBER",
        f.id,
        st
          .split("\n")
          .filter((l: string) => /\/src\/|simulation/.test(l) && !/effect\/dist/.test(l))
          .slice(0, 14)
          .join("\n"),
        "\n"
      )
      for (const p of f._stack.slice(-6))
        console.log(
          "   ",
          JSON.stringify(p, (_, v) => (typeof v === "function" ? v.toString().slice(0, 160) : v))?.slice(0, 500)
        )
    }
