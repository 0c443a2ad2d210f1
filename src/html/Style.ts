/** The one stylesheet: light and dark, from 320 px on, without scripts, fonts or images from anywhere. */
import { createHash } from "node:crypto"

/** Verbatim what stands in the page's `<style>`: the hash in its policy is of these bytes. */
export const STYLE = `
:root { color-scheme: light dark;
  --page: #eef2f1; --card: #fff; --ink: #12211e; --soft: #4f605c; --line: #d6dedc; --edge: #768783;
  --accent: #0a6253; --deep: #084d41; --on: #fff; --tint: #edf4f2; --warn: #6a4200; --warned: #fdf4e0; --amber: #d69a24; --bad: #a02c22 }
@media (prefers-color-scheme: dark) { :root {
  --page: #0c1211; --card: #151d1c; --ink: #e7eeec; --soft: #a1b2ae; --line: #2b3735; --edge: #70827e;
  --accent: #63d0b7; --deep: #8fe3cf; --on: #04211b; --tint: #1a2725; --warn: #f3d8a2; --warned: #2a2110; --amber: #b58521; --bad: #ff9d91 } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; align-items: start; justify-items: center; background: var(--card); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; text-wrap: pretty; overflow-wrap: anywhere; -webkit-text-size-adjust: 100% }
.card { width: 100%; padding: 1.25rem 1.25rem 2rem; background: var(--card) }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem; margin-bottom: 1.75rem; font-weight: 600; line-height: 1.3 }
header svg { flex: none; width: 2.25rem; height: 2.25rem; color: var(--accent) }
header path { stroke: var(--card) }
header small { display: block; font-weight: 400; font-size: .8125rem; color: var(--soft) }
header div { flex: 1 1 7rem; min-width: 0 }
header form { flex: none; margin-left: auto }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.2; font-weight: 700; letter-spacing: -.015em; text-wrap: balance }
h1 .lead { display: block; font-size: 1.125rem; line-height: 1.4; font-weight: 400; letter-spacing: 0; text-wrap: pretty }
h2 { margin: 2rem 0 .6rem; font-size: 1rem; line-height: 1.4; font-weight: 650 }
h3 { margin: 0; font-size: 1rem; font-weight: 600 }
p { margin: .6rem 0 }
ul { margin: .6rem 0; padding-left: 1.2rem }
li + li { margin-top: .4rem }
strong { font-weight: 650 }
a { color: var(--accent); text-underline-offset: .15em }
a:hover { color: var(--deep) }
small, .soft { color: var(--soft) }
small, .fine { font-size: .875rem }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .875rem }
pre { margin: .4rem 0; padding: .75rem .9rem; white-space: pre-wrap; background: var(--tint); border: 1px solid var(--line); border-radius: 8px; user-select: all; -webkit-user-select: all }
.claim { display: block; overflow: hidden; margin: .1rem 0 .3rem }
.doubtful { margin: .5rem 0; padding: .5rem .75rem; border: 1.5px dashed var(--amber); border-radius: 8px; font-size: 1.35rem }
.voucher, .notice { display: flex; gap: .6rem }
.voucher svg, .notice svg { flex: none; width: 1.25rem; height: 1.25rem; margin-top: .12rem; color: var(--accent) }
.voucher { margin: .9rem 0 0 }
.voucher small { display: block }
.notice { margin: 1.25rem 0 0; padding: .8rem 1rem .85rem .85rem; background: var(--tint); border: 1px solid var(--line); border-radius: 10px }
.notice p { margin: 0 }
.notice p + p { margin-top: .4rem }
.warning { background: var(--warned); color: var(--warn); border-color: var(--amber) }
.warning svg { color: inherit }
.path { list-style: none; margin: .75rem 0 0; padding: 0 }
.path li { position: relative; margin: 0; padding: 0 0 .9rem 1.75rem }
.path li:last-child { padding-bottom: 0 }
.path li::before { content: ""; position: absolute; left: 0; top: .36rem; width: .8rem; height: .8rem; border: 2px solid var(--accent); border-radius: 50% }
.path li:not(:last-child)::after { content: ""; position: absolute; left: calc(.4rem - 1px); top: 1.36rem; bottom: -.16rem; border-left: 2px solid var(--line) }
.path small, .where { display: block }
.where { font-size: 1.0625rem }
.choice { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem; margin: 1.75rem 0 1rem }
button, .button { display: inline-block; min-height: 2.75rem; padding: .55rem 1.1rem; border: 1.5px solid var(--edge); border-radius: 10px; background: var(--card); color: var(--ink); font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer }
.choice button { min-height: 3.1rem }
button.quiet { min-height: 2.25rem; padding: .3rem .8rem; font-size: .875rem; white-space: nowrap }
button:hover, .button:hover { background: var(--tint); color: var(--ink) }
button.main { border-color: var(--accent); background: var(--accent); color: var(--on) }
button.main:hover { border-color: var(--deep); background: var(--deep); color: var(--on) }
.arm { animation: arm .5s step-end }
@keyframes arm { from { pointer-events: none } }
label { display: block; margin: 1.5rem 0 .4rem; font-weight: 600 }
input { width: 100%; min-height: 3rem; padding: .5rem .8rem; border: 1.5px solid var(--edge); border-radius: 10px; background: var(--card); color: var(--ink); font: inherit }
label ~ button { width: 100%; margin-top: .75rem; min-height: 3.1rem }
details { margin: 1rem 0 0 }
summary { padding: .25rem 0; cursor: pointer; color: var(--soft); font-size: .875rem }
dl { margin: .5rem 0 0 }
dt { margin-top: .6rem; font-size: .875rem; color: var(--soft) }
dd { margin: 0 }
.foot { margin-top: 2rem; padding-top: 1rem; border-top: 1px solid var(--line) }
.rows { list-style: none; padding: 0; border-top: 1px solid var(--line) }
.rows > li { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1rem; margin: 0; padding: .8rem 0; border-bottom: 1px solid var(--line) }
.rows > li > :first-child { flex: 1 1 14rem; min-width: 0 }
.rows p { margin: 0 }
.rows details { margin-top: .15rem }
.rows .tags { margin: .25rem 0 .75rem }
.tags { display: flex; flex-wrap: wrap; gap: .4rem; list-style: none; padding: 0 }
.tags li { margin: 0; padding: .05rem .55rem; border: 1px solid var(--line); border-radius: 6px; background: var(--tint); font-size: .875rem }
.wrong { color: var(--bad) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
@media (min-width: 34rem) {
  body { padding: 2rem 1.5rem; background: var(--page); align-items: safe center }
  .card { width: min(29rem, 100%); padding: 2rem 2.25rem 2.25rem; border: 1px solid var(--line); border-radius: 16px }
  .card.wide { width: min(44rem, 100%); padding: 2.25rem 2.75rem 2.75rem }
  h1 { font-size: 1.75rem }
  .wide h2 { margin-top: 2.5rem; font-size: 1.2rem }
}
@media (forced-colors: active) { .path li::before, .path li::after { forced-color-adjust: none } button.main { border-width: 3px } }
`

/** Allows this stylesheet, and no other, in a Content-Security-Policy. */
export const STYLE_SOURCE = `'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`
