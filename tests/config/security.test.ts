import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import {
  readConfigFile,
  readCredentials,
  readTlsFiles,
  resolveSettings,
} from "../../core/config/mod.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { thrownBy } from "../fakes/thrown_by.ts";
import { type Certificate, TestAuthority } from "../services/certificates.ts";

const folder = new TemporaryFolder();
let authority: TestAuthority;
let own: Certificate;

beforeAll(() => {
  authority = new TestAuthority(folder.path, "ca");
  own = authority.issue({ commonName: "konn" });
});

afterAll(() => folder[Symbol.dispose]());

function secretFile(content: string, mode = 0o600): string {
  const path = folder.file(crypto.randomUUID());
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

describe("readCredentials()", () => {
  const nothing = { prefix: "kafka", username: undefined, password: undefined };

  test("takes the password as it is given", () => {
    const given = { ...nothing, username: "konn", password: " s3cret\n" };
    expect(readCredentials({ ...given, passwordFile: undefined })).toEqual({
      username: "konn",
      password: " s3cret\n",
    });
  });

  test.each(["s3 cret", "s3 cret\n", "s3 cret\r\n"])("takes one newline off a file: %j", (text) => {
    const passwordFile = secretFile(text);
    expect(readCredentials({ ...nothing, username: "konn", passwordFile })).toEqual({
      username: "konn",
      password: "s3 cret",
    });
  });

  test("are none where nothing is set", () => {
    expect(readCredentials({ ...nothing, passwordFile: undefined })).toBeUndefined();
  });

  test.each([
    [{ username: "konn" }, "KONN_KAFKA_PASSWORD"],
    [{ password: "s3cret" }, "--kafka-username"],
    [{ passwordFile: "file" }, "--kafka-username"],
    [{ username: "konn", password: "s3cret", passwordFile: "file" }, "Leave one"],
  ])("refuses %j", (given, remedy) => {
    const error = thrownBy(() =>
      readCredentials({ ...nothing, passwordFile: undefined, ...given }),
    );
    expect(error).toMatchObject({ code: "CREDENTIALS_INCOMPLETE", kind: "usage" });
    expect(error.hint).toContain(remedy);
    expect(error.message).not.toContain("s3cret");
  });

  test.each([0o640, 0o604, 0o620, 0o644, 0o601])("refuses a file of mode %o", (mode) => {
    const passwordFile = secretFile("s3cret", mode);
    const error = thrownBy(() => readCredentials({ ...nothing, username: "konn", passwordFile }));
    expect(error).toMatchObject({ code: "SECRET_FILE_EXPOSED", kind: "unavailable" });
    expect(error.hint).toBe(`Close it: chmod 600 ${passwordFile}`);
  });

  test.each([
    ["an empty file", () => secretFile("\n"), "SECRET_FILE_EMPTY"],
    ["a missing file", () => folder.file("missing"), "FILE_UNREADABLE"],
    ["a huge file", () => secretFile("x".repeat(65 * 1024)), "FILE_UNREADABLE"],
  ])("refuses %s", (_name, make, code) => {
    const passwordFile = make();
    const error = thrownBy(() => readCredentials({ ...nothing, username: "konn", passwordFile }));
    expect(error).toMatchObject({ code, kind: "unavailable" });
  });

  test("takes a file that only its owner may read", () => {
    const passwordFile = secretFile("s3cret", 0o400);
    const credentials = readCredentials({ ...nothing, username: "konn", passwordFile });
    expect(credentials?.password).toBe("s3cret");
  });
});

describe("readTlsFiles()", () => {
  const nothing = { prefix: "kafka", caFile: undefined, certFile: undefined, keyFile: undefined };

  test("reads all three", () => {
    const material = readTlsFiles({ prefix: "kafka", caFile: authority.caFile, ...own });
    expect(material.ca).toContain("BEGIN CERTIFICATE");
    expect(material.cert).toContain("BEGIN CERTIFICATE");
    expect(material.key).toContain("PRIVATE KEY");
  });

  test.each(["certFile", "keyFile"] as const)("refuses %s alone", (name) => {
    const error = thrownBy(() => readTlsFiles({ ...nothing, [name]: own[name] }));
    expect(error).toMatchObject({ code: "TLS_FILES_INCOMPLETE", kind: "usage" });
  });

  test.each([
    ["a key for an authority", () => ({ caFile: own.keyFile }), "CERTIFICATE_INVALID"],
    ["half a certificate", () => ({ caFile: secretFile(BROKEN) }), "CERTIFICATE_INVALID"],
    ["a folder", () => ({ caFile: folder.path }), "FILE_UNREADABLE"],
    [
      "a certificate for a key",
      () => ({ ...own, keyFile: secretFile(BROKEN) }),
      "PRIVATE_KEY_INVALID",
    ],
    [
      "the key of another one",
      () => ({ ...own, keyFile: authority.issue({ commonName: "a" }).keyFile }),
      "PRIVATE_KEY_INVALID",
    ],
    [
      "a certificate that has expired",
      () => authority.issue({ commonName: "a", isExpired: true }),
      "CERTIFICATE_EXPIRED",
    ],
  ])("refuses %s", (_name, make, code) => {
    const files = make();
    const error = thrownBy(() => readTlsFiles({ ...nothing, ...files }));
    expect(error).toMatchObject({ code, kind: "unavailable" });
    expect(error.message).toContain("kafka-");
  });

  test("refuses a key that others may read", () => {
    const { keyFile } = authority.issue({ commonName: "a" });
    chmodSync(keyFile, 0o644);
    const error = thrownBy(() => readTlsFiles({ ...nothing, ...own, keyFile }));
    expect(error.code).toBe("SECRET_FILE_EXPOSED");
  });
});

const BROKEN = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

describe("a secret", () => {
  const names = { command: "sync", commands: ["sync", "replay"] };

  test.each([
    'kafka-password = "s3cret"',
    'opensearch-password = "s3cret"',
    '[sync]\nkafka-password = "s3cret"',
    '[replay]\nkafka-password = "s3cret"',
  ])("is refused in the file: %j", (text) => {
    const path = folder.file("konn.toml");
    writeFileSync(path, text, { mode: 0o600 });
    const error = thrownBy(() => readConfigFile(path, names));
    expect(error).toMatchObject({ code: "CONFIG_HOLDS_SECRET", kind: "usage" });
    expect(error.hint).toMatch(/KONN_(KAFKA|OPENSEARCH)_PASSWORD/);
    expect(error.hint).toMatch(/(kafka|opensearch)-password-file/);
    expect(`${error.message} ${error.hint}`).not.toContain("s3cret");
  });

  test.each(["kafka-password = s3cret", 'kafka-password = s3cret"', "[s3cret", 'a = "s3cret'])(
    "is not quoted from a file that is no TOML: %j",
    (text) => {
      const path = folder.file("konn.toml");
      writeFileSync(path, text);
      const error = thrownBy(() => readConfigFile(path, names));
      expect(Bun.inspect(error)).not.toContain("s3cret");
    },
  );

  test.each([
    ["opensearch-url", "https://konn:s3cret@host:9200"],
    ["opensearch-url", "https://konn:s3/cret@host:9200"],
    ["opensearch-url", "https://konn:s3@cret@host:9200"],
    ["opensearch-url", "konn:s3cret@host:9200"],
    ["brokers", "konn:s3cret@host:9092"],
    ["brokers", "a:1,konn:s3/cret@host:9092"],
  ] as const)("is not quoted from %s %s", (name, text) => {
    const flags = new Map([[name, text]]);
    const error = thrownBy(() => resolveSettings([name], { flags, environment: {} }));
    expect(error.message).not.toMatch(/s3|cret/);
    expect(error.message).toContain("@host:9");
  });
});
