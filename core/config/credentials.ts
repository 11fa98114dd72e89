import type { Credentials } from "../base/transport_security.ts";
import { KonnError } from "../base/errors.ts";
import { readSecretFile } from "./secret_file.ts";
import { environmentName } from "./settings.ts";

/** What the settings say of a user; `prefix` is where their names begin: `kafka`. */
export interface CredentialOptions {
  readonly prefix: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly passwordFile: string | undefined;
}

/**
 * The user and the password of a service, or undefined when neither is set. Half of them is a
 * mistake that must not become a connection without a user.
 *
 * @throws KonnError `CREDENTIALS_INCOMPLETE` (usage), and those of the password's file
 */
export function readCredentials(options: CredentialOptions): Credentials | undefined {
  const { prefix, username, password, passwordFile } = options;
  const variable = environmentName(`${prefix}-password`);
  if (password !== undefined && passwordFile !== undefined) {
    throw incomplete(
      `Cannot use ${variable} and ${prefix}-password-file together`,
      "Leave one of them out.",
    );
  }
  const hasPassword = password !== undefined || passwordFile !== undefined;
  if (username === undefined) {
    if (!hasPassword) return undefined;
    throw incomplete(
      `Cannot use a password for ${prefix} without ${prefix}-username`,
      `Name the user: --${prefix}-username NAME.`,
    );
  }
  if (!hasPassword) {
    throw incomplete(
      `Cannot use ${prefix}-username without a password`,
      `Set ${variable}, or name a file of mode 0600: --${prefix}-password-file FILE.`,
    );
  }
  const file = { setting: `${prefix}-password-file`, path: passwordFile ?? "" };
  return { username, password: password ?? readSecretFile(file) };
}

function incomplete(message: string, hint: string): KonnError {
  return new KonnError(message, { code: "CREDENTIALS_INCOMPLETE", kind: "usage", hint });
}
