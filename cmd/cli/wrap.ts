/** What a table or a help text may be wide: an 80-column terminal. */
export const LINE_COLUMNS_COUNT = 80;

/** The lines of a text, none longer than so many columns, unless a word is. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
