import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { KonnError } from "../base/errors.ts";
import type { TlsMaterial } from "../base/transport_security.ts";
import { type NamedFile, readNamedFile, readSecretFile } from "./secret_file.ts";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Paths as the settings name them; `prefix` is where the settings' names begin: `kafka`. */
export interface TlsFileOptions {
  readonly prefix: string;
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/**
 * Reads the files that TLS is spoken with, and refuses what would only fail later and less clearly:
 * a file without a certificate, an expired one of our own, a key that is not its key.
 *
 * @throws KonnError `TLS_FILES_INCOMPLETE` (usage), `CERTIFICATE_INVALID`, `CERTIFICATE_EXPIRED`,
 * `PRIVATE_KEY_INVALID`, and those of the files
 */
export function readTlsFiles({ prefix, caFile, certFile, keyFile }: TlsFileOptions): TlsMaterial {
  const named = (name: string, path: string): NamedFile => ({ setting: `${prefix}-${name}`, path });
  const ca = caFile === undefined ? undefined : readCertificates(named("ca-file", caFile));
  if (certFile === undefined && keyFile === undefined) return { ca };
  if (certFile === undefined || keyFile === undefined) {
    const [given, missing] = certFile === undefined ? ["key", "cert"] : ["cert", "key"];
    throw new KonnError(`Cannot use ${prefix}-${given}-file without ${prefix}-${missing}-file`, {
      code: "TLS_FILES_INCOMPLETE",
      kind: "usage",
      hint: `A client certificate needs both: --${prefix}-cert-file FILE --${prefix}-key-file FILE.`,
    });
  }
  const cert = readCertificates(named("cert-file", certFile));
  const key = readSecretFile(named("key-file", keyFile));
  refuseUnfit(cert, readKey(key, named("key-file", keyFile)), named("cert-file", certFile));
  return { ca, cert, key };
}

function readCertificates(file: NamedFile): string {
  const text = readNamedFile(file);
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0 || !blocks.every(isCertificate)) {
    throw new KonnError(`Cannot use ${file.setting} ${file.path}: it is not a certificate in PEM`, {
      code: "CERTIFICATE_INVALID",
      hint: "It begins with -----BEGIN CERTIFICATE-----. A Java keystore has to be converted: keytool -exportcert -rfc.",
    });
  }
  return text;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

function readKey(pem: string, { setting, path }: NamedFile): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // Without a cause: no library's message about a key is worth the risk.
    throw new KonnError(`Cannot use ${setting} ${path}: it is not a private key in PEM`, {
      code: "PRIVATE_KEY_INVALID",
      hint: "A key with a passphrase has to be stored without it, in a file of mode 0600.",
    });
  }
}

/** The first certificate of the file is our own, those behind it are its chain. */
function refuseUnfit(pem: string, key: KeyObject, { setting, path }: NamedFile): void {
  const certificate = new X509Certificate(pem.match(CERTIFICATE)?.[0] ?? pem);
  if (new Date(certificate.validTo) < new Date()) {
    throw new KonnError(
      `Cannot use ${setting} ${path}: the certificate expired on ${certificate.validTo}`,
      {
        code: "CERTIFICATE_EXPIRED",
        hint: "Have it renewed. Is the clock of this machine right?",
      },
    );
  }
  if (certificate.checkPrivateKey(key)) return;
  throw new KonnError(`Cannot use ${setting} ${path}: the private key is that of another one`, {
    code: "PRIVATE_KEY_INVALID",
    hint: "Certificate and key are made together. Does the file begin with its own certificate?",
  });
}
