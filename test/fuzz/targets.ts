/** Everything that parses bytes from outside. One more is one more entry. */
import * as json from "./json.ts"
import * as others from "./others.ts"
import * as sealed from "./sealed.ts"
import * as streams from "./streams.ts"
import type { Target } from "./Target.ts"

export const targets: ReadonlyArray<Target> = [
  ...json.targets,
  ...streams.targets,
  ...others.targets,
  ...sealed.targets
]
