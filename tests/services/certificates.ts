/** Certificates for tests, made by openssl when they are needed and gone with their folder. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { KonnError } from "../../core/base/errors.ts";

/** A certificate and its private key, as PEM files. Only their owner may read the key. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface CertificateOptions {
  /** The name of its owner: the user, where a client shows it. */
  readonly commonName: string;
  /** For whom it may stand, as openssl writes it: DNS:localhost,IP:127.0.0.1. */
  readonly alternativeNames?: string;
  /** Its time was over before it began. */
  readonly isExpired?: boolean;
}

/** A name that the loopback interface goes by in the certificates of our servers. */
export const LOOPBACK_NAMES = "DNS:localhost,IP:127.0.0.1";

const VALIDITY_DAYS = "2";

/** A certificate authority of a test's own. */
export class TestAuthority {
  /** What whoever trusts it has to be given. */
  readonly caFile: string;
  readonly #folder: string;
  readonly #keyFile: string;
  readonly #name: string;
  #serial = 1;

  /**
   * @param folder where the files go; the caller removes it
   * @param name of the authority, and the beginning of its files' names
   */
  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    this.caFile = join(folder, `${name}.pem`);
    this.#keyFile = makeKey(folder, name);
    const subject = ["-subj", `/CN=${name}`, "-days", VALIDITY_DAYS];
    const constraints = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"];
    openssl(
      "req",
      "-x509",
      "-new",
      "-key",
      this.#keyFile,
      "-out",
      this.caFile,
      ...subject,
      ...constraints,
    );
  }

  /** Signs a certificate for a server or for a client. */
  issue({ commonName, alternativeNames, isExpired = false }: CertificateOptions): Certificate {
    const name = `${this.#name}-${this.#serial}`;
    const path = (ending: string): string => join(this.#folder, `${name}.${ending}`);
    const keyFile = makeKey(this.#folder, name);
    const certFile = path("pem");
    openssl("req", "-new", "-key", keyFile, "-subj", `/CN=${commonName}`, "-out", path("csr"));
    const names = alternativeNames === undefined ? "" : `subjectAltName=${alternativeNames}\n`;
    writeFileSync(path("ext"), `${names}extendedKeyUsage=serverAuth,clientAuth\n`);
    const signer = [
      "-CA",
      this.caFile,
      "-CAkey",
      this.#keyFile,
      "-set_serial",
      `${this.#serial++}`,
    ];
    const days = ["-days", isExpired ? "-1" : VALIDITY_DAYS, "-extfile", path("ext")];
    openssl("x509", "-req", "-in", path("csr"), "-out", certFile, ...signer, ...days);
    return { certFile, keyFile };
  }
}

/** On a curve, since keys of RSA take their time. In PKCS #8, the only form that Kafka reads. */
function makeKey(folder: string, name: string): string {
  const file = join(folder, `${name}.key`);
  const curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
  writeFileSync(file, openssl("genpkey", ...curve), { mode: 0o600 });
  return file;
}

function openssl(...words: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["openssl", ...words]);
  if (exitCode === 0) return stdout.toString();
  throw new KonnError(`Cannot run openssl ${words[0]}: ${stderr.toString()}`, {
    code: "OPENSSL_FAILED",
    hint: "The tests of TLS need OpenSSL 3 on the PATH.",
  });
}
