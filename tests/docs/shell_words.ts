/**
 * The words of the first call of konn in a line of shell: quotes taken off, and nothing of what
 * stands around it: pipes, redirections, `source <(...)`.
 */
export function shellWords(line: string): string[] {
  const call = /\bkonn (?:'[^']*'|"[^"]*"|[^|)>;&])*/.exec(line)?.[0] ?? "";
  const words = call.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  return words.map((word) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, "$1$2"));
}
