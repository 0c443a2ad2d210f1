/** Words of strangers, made fit to stand beside our own: what they say stays legible, what they do is taken away. */

const JOINED_EMOJI = /(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\uFE0F])\u200D(?=\p{Extended_Pictographic})/gu
const EMOJI_STYLE = /(?<=\p{Extended_Pictographic})\uFE0F/gu

/**
 * Characters that are not seen, that turn the direction of what follows, or that mean what each font likes: controls,
 * format characters, fillers, private use, unassigned. They become nothing; those between words become a space.
 */
const UNSEEN = /[\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu
const SPACES = /[\p{Cc}\p{Z}\u2800]+/gu

/** More marks on one letter than any language has; and marks on nothing, which would land on what stands before. */
const PILED_MARKS = /(\p{M}{3})\p{M}+/gu
const LEADING_MARKS = /^[\p{M}\s]+/u

/** One alone stands for each kept joiner or emoji style, while the unseen are removed. */
const KEEP_JOINER = "\uE000"
const KEEP_STYLE = "\uE001"

const cleaned = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[\uE000\uE001]/gu, "")
    .replace(JOINED_EMOJI, KEEP_JOINER)
    .replace(EMOJI_STYLE, KEEP_STYLE)
    .replace(UNSEEN, (character) => (character === KEEP_JOINER ? "\u200D" : character === KEEP_STYLE ? "\uFE0F" : ""))
    .replace(SPACES, " ")
    .replace(PILED_MARKS, "$1")
    .replace(LEADING_MARKS, "")
    .trim()

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" })

/** So many characters as people count them, then `…`. */
const shortened = (text: string, limit: number): string => {
  let kept = ""
  let count = 0
  for (const { segment } of graphemes.segment(text)) {
    // One "character" may be a hundred joined emoji.
    if (count === limit || kept.length + segment.length > 4 * limit) return `${kept.trimEnd()}…`
    kept += segment
    count += 1
  }
  return kept
}

/** Nothing that is longer is looked at. */
const enough = (text: string): string => text.slice(0, 4096)

/** A line of somebody else's: an address, an identifier, a reason. */
export const line = (text: string, limit = 600): string => shortened(cleaned(enough(text)), limit)

/**
 * A name that somebody gave to themselves, to be shown within quotes: in plain letters (`𝗖𝗹𝗮𝘂𝗱𝗲` becomes `Claude`), and
 * without quotes of its own, with which it could seem to end before it does. Empty where nothing can be seen of it.
 */
export const name = (text: string, limit = 60): string =>
  shortened(cleaned(enough(text).toWellFormed().normalize("NFKC")).replace(/["“”„‟«»❝❞〝〞〟]/gu, "'"), limit)
