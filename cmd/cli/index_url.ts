/** The connector URL of `--index NAME|URL`: a bare name is an index at `--opensearch-url`. */
export function indexUrl(index: string): string {
  return index.includes(":") ? index : `opensearch:${index}`;
}
