/** Control characters, and marks of direction that would show a text in another order. */
const STEERING = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A text from anybody, for a terminal: what would steer it is shown as an escape. */
export function printable(text: string): string {
  return text.replace(STEERING, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
