/** Where a browser lands that signs in by itself: who you are, how to connect, what you may use, whom you allowed. */
import * as DateTime from "effect/DateTime"
import * as Foreign from "../../html/Foreign.ts"
import { html, type Html } from "../../html/Html.ts"
import { page, type Site } from "../../html/Page.ts"
import { type HiddenField, hiddenFields } from "./Form.ts"
import { type Destination, host, quoted, type Voucher } from "./Program.ts"

/** What the person may use of one server. */
export interface AccountServer {
  readonly name: string
  readonly tools: ReadonlyArray<string>
  readonly prompts: ReadonlyArray<string>
  /** Resources and templates. */
  readonly resources: number
  /** Why there is nothing of it, or less than there should be. */
  readonly note?: string
}

/** A program that the person has allowed. */
export interface AccountProgram {
  readonly clientName: string
  readonly voucher: Voucher
  readonly destination: Destination
  /** Milliseconds since 1970. */
  readonly allowedAt: number
  /** What says which one it is, when its button is pressed. */
  readonly hidden: ReadonlyArray<HiddenField>
}

export interface AccountModel {
  readonly site: Site
  readonly email: string
  readonly name?: string
  readonly roles: ReadonlyArray<string>
  readonly servers: ReadonlyArray<AccountServer>
  readonly programs: ReadonlyArray<AccountProgram>
  /** The URL of the endpoint, and the lines that a person pastes into a client. */
  readonly connect: { readonly url: string; readonly claudeCode: string; readonly json: string }
  /** What every form of the page carries, the CSRF token. */
  readonly hidden: ReadonlyArray<HiddenField>
  readonly revokeAction: string
  readonly signOutAction: string
}

const count = (number: number, one: string, many: string): ReadonlyArray<string> =>
  number === 0 ? [] : [`${number} ${number === 1 ? one : many}`]

const names = (title: string, list: ReadonlyArray<string>): Html =>
  list.length === 0
    ? html``
    : html`<p class="fine soft">${title}</p>
        <ul class="tags">
          ${list.map((name) => html`<li><bdi>${Foreign.line(name, 128)}</bdi></li>`)}
        </ul>`

const serverRow = ({ name, note, prompts, resources, tools }: AccountServer): Html => {
  const counts = [
    ...count(tools.length, "tool", "tools"),
    ...count(prompts.length, "prompt", "prompts"),
    ...count(resources, "resource", "resources")
  ]
  const all =
    tools.length + prompts.length === 0
      ? html``
      : html`<details>
          <summary>All names in <bdi>${Foreign.line(name, 100)}</bdi></summary>
          ${names("Tools", tools)} ${names("Prompts", prompts)}
        </details>`
  return html`<li>
    <div>
      <h3><bdi>${Foreign.line(name, 100)}</bdi></h3>
      ${counts.length === 0 && note !== undefined ? html`` : html`<p class="soft">${counts.length === 0 ? "Nothing" : counts.join(", ")}</p>`}
      ${note === undefined ? html`` : html`<p class="fine wrong">${Foreign.line(note, 300)}</p>`} ${all}
    </div>
  </li>`
}

const usable = (servers: ReadonlyArray<AccountServer>): Html =>
  servers.length === 0
    ? html`<p>Nothing yet. Ask whoever runs this server to give you a role.</p>`
    : html`<ul class="rows">
        ${servers.map(serverRow)}
      </ul>`

const whereTo = (destination: Destination): Html => {
  switch (destination._tag) {
    case "Site":
      return html`goes to ${host(destination.host)}`
    case "Loopback":
      return html`on your computer`
    case "App":
      return html`an app that opens <bdi>${Foreign.line(destination.scheme, 40)}:</bdi> links`
  }
}

const programRow = (program: AccountProgram, { hidden, revokeAction }: AccountModel, index: number): Html => {
  const { allowedAt, clientName, destination, voucher } = program
  const day = DateTime.formatIsoDateUtc(DateTime.makeUnsafe(allowedAt))
  const date = DateTime.formatUtc(DateTime.makeUnsafe(allowedAt), { locale: "en-GB", dateStyle: "long" })
  const belongs = voucher._tag === "Host" ? html`Comes from ${host(voucher.host)}` : html`Name not checked`
  return html`<li>
    <div>
      <h3 id="program-${index}">${quoted(clientName)}</h3>
      <p class="fine soft">${belongs}, ${whereTo(destination)}</p>
      <p class="fine soft">Allowed on <time datetime="${day}">${date}</time></p>
    </div>
    <form method="post" action="${revokeAction}">
      ${hiddenFields([...hidden, ...program.hidden])}
      <button class="quiet" id="revoke-${index}" aria-labelledby="revoke-${index} program-${index}">Revoke</button>
    </form>
  </li>`
}

const programs = (model: AccountModel): Html =>
  model.programs.length === 0
    ? html`<p>None yet. A program that you connect asks you first, on a page like this one.</p>`
    : html`<p>Revoke what you no longer use, or do not recognise. It can ask you again.</p>
        <ul class="rows">
          ${model.programs.map((program, index) => programRow(program, model, index))}
        </ul>`

export const accountPage = (model: AccountModel): string => {
  const { connect, email, name, roles } = model
  const shown = Foreign.line(name ?? "", 100)
  return page({
    title: "Your account",
    site: model.site,
    wide: true,
    aside: html`<form method="post" action="${model.signOutAction}">
      ${hiddenFields(model.hidden)}
      <button class="quiet">Sign out</button>
    </form>`,
    body: html`
      <h1>
        <span class="lead">You are signed in as</span>
        <span class="claim"><bdi>${shown === "" ? Foreign.line(email) : shown}</bdi></span>
      </h1>
      ${shown === "" ? html`` : html`<p class="soft"><bdi>${Foreign.line(email)}</bdi></p>`}
      ${
        roles.length === 0
          ? html``
          : html`<ul class="tags" aria-label="Your roles">
              ${roles.map((role) => html`<li><bdi>${Foreign.line(role, 60)}</bdi></li>`)}
            </ul>`
      }
      <h2>Connect a program</h2>
      <p>Add this address in Claude, ChatGPT, Cursor, VS Code or any other MCP client:</p>
      <pre>${connect.url}</pre>
      <p>Claude Code, in a terminal:</p>
      <pre>${connect.claudeCode}</pre>
      <details>
        <summary>Clients with a configuration file</summary>
        <pre>${connect.json}</pre>
      </details>
      <h2>What you may use</h2>
      ${usable(model.servers)}
      <h2>Programs you allowed</h2>
      ${programs(model)}
    `
  })
}
