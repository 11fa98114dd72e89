/** Room for what konn puts behind the name: OpenSearch takes 255 bytes. */
const INDEX_NAME = /^[a-z0-9][a-z0-9._-]{0,199}$/;

/** What an index may be called, for messages. */
export const INDEX_NAME_RULE =
  "a name of lower-case letters, digits, '.', '_' and '-' that begins with a letter or digit, of at most 200 characters";

/**
 * Whether an index or an alias can have this name. OpenSearch takes no capital letters, no spaces,
 * none of \ / * ? " < > | , # : and nothing that begins with '_', '-' or '+'.
 */
export function isIndexName(name: string): boolean {
  return INDEX_NAME.test(name);
}
