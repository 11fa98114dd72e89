import type { BundledPackage } from "./bill_of_materials.ts";

const RULE = "=".repeat(78);

/** Bun brings no file with its terms: they are said here, with where to read them in full. */
const BUN = `Bun (MIT License), Copyright (c) Oven. It contains JavaScriptCore and parts of WebKit
(GNU Library General Public License, version 2, or GNU Lesser General Public License, version 2.1,
and BSD licences), SQLite (public domain), BoringSSL, zstd, zlib, brotli, libarchive, mimalloc and
others. Their texts, and the sources from which they can be linked anew:

  https://bun.com/docs/project/licensing
  https://github.com/oven-sh/bun
  https://github.com/oven-sh/WebKit
`;

/** The notices that the licences of what is in the binary ask for, as a text file. */
export function thirdPartyNotices(packages: readonly BundledPackage[]): string {
  const list = packages.map(
    ({ name, version, license, texts }) =>
      `${RULE}\n${name} ${version} (${license})\n${RULE}\n\n${texts.map(withEnd).join("\n") || "No file states its terms.\n"}`,
  );
  const title = "konn is licensed under the Apache License 2.0 (LICENSE). It contains:\n";
  return [title, `${RULE}\nBun ${Bun.version}\n${RULE}\n\n${BUN}`, ...list].join("\n");
}

function withEnd(text: string): string {
  return `${text.replaceAll("\r\n", "\n").trimEnd()}\n`;
}
