/** What a page consists of, apart from its words. */

/** Tags with the names of their attributes, in order; all text and all values left out. */
export const skeleton = (document: string): ReadonlyArray<string> =>
  (document.replace(/<style>[^]*<\/style>/u, "").match(/<[^>]*>/gu) ?? []).map((tag) =>
    tag.replace(/"[^"]*"/gu, '""').replace(/\s+/gu, " ")
  )

/** The words that a person reads, entities resolved. */
export const words = (document: string): string =>
  document
    .replace(/^[^]*<body>/u, "")
    .replace(/<[^>]*>/gu, " ")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&")
    .replace(/\s+/gu, " ")
