/** What can end a sign-in, in words for the person before the browser. All of these words are here. */
import * as Foreign from "../../html/Foreign.ts"

export interface SignInError {
  /** Of the HTTP answer. */
  readonly status: number
  readonly title: string
  readonly happened: string
  /** What the person can do, the likeliest first. */
  readonly remedies: ReadonlyArray<string>
}

const START_AGAIN = "Go back to the program that you want to connect, and connect again."
/** A provider is called as within a sentence, such as "the demo". */
const beginning = (provider: string): string => provider.slice(0, 1).toUpperCase() + provider.slice(1)

const NOT_YOU = "If you did not start this yourself, close this page. Nobody was given access."

export const unknownClient: SignInError = {
  status: 400,
  title: "This program is not known here",
  happened: "The program that sent you here has never registered with this server, or did so too long ago.",
  remedies: ["In the program, remove the connection to this server and add it again. It then registers anew.", NOT_YOU]
}

export const redirectNotRegistered: SignInError = {
  status: 400,
  title: "The way back is not the registered one",
  happened:
    "The program asked to have its answer sent to an address that it never registered. That can be an attempt to get at your access, so nothing was sent.",
  remedies: [NOT_YOU, "If you did, update the program, remove the connection to this server in it, and add it again."]
}

/** What the program asked is incomplete or wrong, and it cannot be told so. `reason` is for its makers. */
export const badRequest = (reason: string): SignInError => ({
  status: 400,
  title: "The program’s request is not complete",
  happened: `This server cannot act on it: ${Foreign.line(reason, 300)}`,
  remedies: [START_AGAIN, "If it happens again, update the program, or tell those who make it."]
})

export const expired: SignInError = {
  status: 400,
  title: "This sign-in has expired",
  happened: "It has waited for too long, or it was finished before: each sign-in can be used once.",
  remedies: [START_AGAIN]
}

/** The cookie that ties a sign-in to the browser in which it began is missing, or is another's. */
export const otherBrowser: SignInError = {
  status: 403,
  title: "This sign-in began in another browser",
  happened: "Only the browser in which a sign-in begins may finish it, and this one did not begin it.",
  remedies: [
    START_AGAIN,
    "Stay in one browser window from beginning to end, and let it keep this site’s cookies.",
    "If somebody sent you a link to this page, close it: you would have given them access in your name."
  ]
}

export const cancelled = (provider: string): SignInError => ({
  status: 403,
  title: "You did not sign in",
  happened: `Signing in at ${provider} was cancelled. Nobody was given access.`,
  remedies: [`If you want to connect after all: ${START_AGAIN}`]
})

/** The provider's answer cannot be believed, or says no. `reason` is fit to be shown. */
export const refused = (provider: string, reason: string): SignInError => ({
  status: 403,
  title: `${beginning(provider)} did not sign you in`,
  happened: Foreign.line(reason, 300),
  remedies: [START_AGAIN, "If it happens again, try another account, or ask whoever runs this server."]
})

export const notAdmitted = (email: string): SignInError => ({
  status: 403,
  title: "This account may not use this server",
  happened: `You signed in as ${Foreign.line(email, 254)}. This account is not among those that may come in.`,
  remedies: [
    "If you have another account, such as the one of your work, sign in with that.",
    `Otherwise ask whoever runs this server to let ${Foreign.line(email, 254)} in.`
  ]
})

export const emailNotVerified = (provider: string, email: string): SignInError => ({
  status: 403,
  title: "Your e-mail address is not confirmed",
  happened: `${beginning(provider)} has not made sure that ${Foreign.line(email, 254)} is yours. Until then it cannot be used here.`,
  remedies: [`Confirm the address in your ${provider} account, then connect again.`, "Or sign in with another account."]
})

export const providerUnavailable = (provider: string): SignInError => ({
  status: 503,
  title: `${beginning(provider)} cannot be reached`,
  happened: `This server has just tried to ask ${provider} who you are, and got no proper answer. It is not your fault.`,
  remedies: ["Wait for a minute, then connect again from the program.", "If it lasts, tell whoever runs this server."]
})

export const serverError: SignInError = {
  status: 500,
  title: "Something went wrong here",
  happened: "This server failed while it handled your sign-in. It is not your fault, and nobody was given access.",
  remedies: [START_AGAIN, "If it happens again, tell whoever runs this server the reference below."]
}

const wait = (seconds: number): string => {
  const whole = Math.max(1, Math.ceil(seconds))
  if (whole > 90) return `${Math.ceil(whole / 60)} minutes`
  return whole === 1 ? "1 second" : `${whole} seconds`
}

export const tooManyRequests = (seconds: number): SignInError => ({
  status: 429,
  title: "Too many attempts",
  happened: "More has been asked of this server from where you are than it answers in so short a time.",
  remedies: [`Wait for ${wait(seconds)}, then try again.`]
})
