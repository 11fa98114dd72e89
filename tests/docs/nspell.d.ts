/** What the tests use of nspell, which brings no types of its own. */
declare module "nspell" {
  export interface Spelling {
    correct(word: string): boolean;
    add(word: string): Spelling;
  }
  export default function nspell(dictionary: { aff: Buffer; dic: Buffer }): Spelling;
}
