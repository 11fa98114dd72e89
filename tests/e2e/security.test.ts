import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} from "kafkajs";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import {
  type Certificate,
  type OpenSearchService,
  type SecureKafkaService,
  startSecureKafka,
  startSecureOpenSearch,
  TestAuthority,
} from "../services/mod.ts";
import { konn, type KonnResult, SAMPLE, uniqueName } from "./konn.ts";

/** With what a URL, a header and a shell would take for something else. */
const KAFKA_PASSWORD = "s3cret/k@fka:%41-pw";
const OPENSEARCH_PASSWORD = "s3cret/0pen@search:%41-pw";
const GUEST_PASSWORD = "s3cret-guest-pw";
const WRONG_PASSWORD = "wr0ng-s3cret-pw";
const ADMIN_PASSWORD = "s3cret-admin-pw";
/** The permissions of docs/security.md are given for indexes and for topics that begin so. */
const INDEX_PREFIX = "konn-test";
const TOPIC_PREFIX = "secure";

const START_TIMEOUT_MS = 10 * 60_000;
/** None of these errors passes by itself, so that --wait does not wait. */
const AT_ONCE_MS = 6_000;

const folder = new TemporaryFolder();
let authority: TestAuthority;
let stranger: TestAuthority;
let kafka: SecureKafkaService;
let openSearch: OpenSearchService;
let ours: Certificate;
let expired: Certificate;
let unknown: Certificate;
const printed: string[] = [];

type Environment = Readonly<Record<string, string | undefined>>;

beforeAll(async () => {
  authority = new TestAuthority(folder.path, "konn-test-ca");
  stranger = new TestAuthority(folder.path, "unknown-ca");
  ours = authority.issue({ commonName: "konn" });
  expired = authority.issue({ commonName: "konn", isExpired: true });
  unknown = stranger.issue({ commonName: "konn" });
  const guest = { name: "guest", password: GUEST_PASSWORD };
  [kafka, openSearch] = await Promise.all([
    startSecureKafka({
      authority,
      folder: folder.path,
      users: [
        { name: "root", password: ADMIN_PASSWORD },
        { name: "konn", password: KAFKA_PASSWORD },
        guest,
      ],
    }),
    startSecureOpenSearch({
      authority,
      users: [
        { name: "admin", password: ADMIN_PASSWORD, isAdmin: true },
        { name: "konn", password: OPENSEARCH_PASSWORD, permissions: documentedRole() },
        { name: "reader", password: GUEST_PASSWORD, permissions: readersRole() },
        guest,
      ],
    }),
  ]);
  await grantDocumented();
}, START_TIMEOUT_MS);

afterAll(async () => {
  await Promise.all([kafka?.stop(), openSearch?.stop()]);
  folder[Symbol.dispose]();
});

/** Gives konn the permissions that docs/security.md names, whichever way it comes in. */
async function grantDocumented(): Promise<void> {
  const [, text = ""] = /```text\n(.*?)```/s.exec(readFileSync("docs/security.md", "utf8")) ?? [];
  const lines = text.trim().split("\n");
  expect(lines).toHaveLength(4);
  const acl = lines.flatMap((line) => {
    const [, type = "", name = "", operations = ""] =
      /(Topic|TransactionalId) +(\S+) +(.*)$/.exec(line) ?? [];
    return operations.split(", ").flatMap((operation) =>
      ["User:konn", "User:CN=konn"].map((principal) => ({
        principal,
        host: "*",
        permissionType: AclPermissionTypes.ALLOW,
        operation: OPERATIONS[operation] ?? AclOperationTypes.UNKNOWN,
        resourceType: type === "Topic" ? AclResourceTypes.TOPIC : AclResourceTypes.TRANSACTIONAL_ID,
        resourceName: name.replace("cdc-events", TOPIC_PREFIX).replace(":*", ""),
        resourcePatternType: name.includes("cdc-events")
          ? ResourcePatternTypes.PREFIXED
          : ResourcePatternTypes.LITERAL,
      })),
    );
  });
  const admin = new Kafka({ brokers: [kafka.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createAcls({ acl });
  await admin.disconnect();
}

const OPERATIONS: Readonly<Record<string, AclOperationTypes>> = {
  Describe: AclOperationTypes.DESCRIBE,
  Read: AclOperationTypes.READ,
  Write: AclOperationTypes.WRITE,
  Create: AclOperationTypes.CREATE,
  DescribeConfigs: AclOperationTypes.DESCRIBE_CONFIGS,
};

/** The role that docs/security.md tells people to make. */
function documentedRole() {
  const text = readFileSync("docs/security.md", "utf8");
  const [, json = ""] = /```json\n(.*?)```/s.exec(text) ?? [];
  const { cluster_permissions: cluster, index_permissions: permissions } = JSON.parse(json);
  const [{ allowed_actions: actions }] = permissions;
  return { cluster, indexes: [`${INDEX_PREFIX}*`], actions };
}

/** May look at everything and write nothing. */
function readersRole() {
  return { cluster: ["*"], indexes: ["*"], actions: ["read", "manage"] };
}

function sasl(mechanism = "SCRAM-SHA-256"): Environment {
  return {
    KONN_BROKERS: kafka.saslSsl,
    KONN_KAFKA_TLS: "true",
    KONN_KAFKA_CA_FILE: authority.caFile,
    KONN_KAFKA_SASL_MECHANISM: mechanism,
    KONN_KAFKA_USERNAME: "konn",
    KONN_KAFKA_PASSWORD: KAFKA_PASSWORD,
  };
}

function clientCertificate({ certFile, keyFile }: Certificate): Environment {
  return {
    KONN_BROKERS: kafka.ssl,
    KONN_KAFKA_TLS: "true",
    KONN_KAFKA_CA_FILE: authority.caFile,
    KONN_KAFKA_CERT_FILE: certFile,
    KONN_KAFKA_KEY_FILE: keyFile,
  };
}

function basic(): Environment {
  return {
    KONN_OPENSEARCH_URL: openSearch.url,
    KONN_OPENSEARCH_CA_FILE: authority.caFile,
    KONN_OPENSEARCH_USERNAME: "konn",
    KONN_OPENSEARCH_PASSWORD: OPENSEARCH_PASSWORD,
  };
}

/** Runs konn with all that it logs, and keeps what it printed. */
async function run(args: readonly string[], ...environments: Environment[]): Promise<KonnResult> {
  const merged = Object.assign({ KONN_LOG_LEVEL: "debug" }, ...environments);
  const set = Object.entries<string | undefined>(merged).filter(([, value]) => value !== undefined);
  const environment: Record<string, string> = {};
  for (const [name, value] of set) environment[name] = value ?? "";
  const result = await konn(args, { cwd: folder.path, environment });
  printed.push(result.stdout, result.stderr);
  return result;
}

/** Plain HTTP as the administrator, none of konn's code. */
async function ask(path: string): Promise<any> {
  const response = await fetch(`${openSearch.url}${path}`, {
    headers: { authorization: `Basic ${btoa(`admin:${ADMIN_PASSWORD}`)}` },
    tls: { ca: readFileSync(authority.caFile, "utf8") },
  });
  return await response.json();
}

describe("replay, sync, verify and status", () => {
  const toKafka: readonly (readonly [string, () => Environment])[] = [
    ["PLAIN", () => sasl("PLAIN")],
    ["SCRAM-SHA-256", () => sasl("SCRAM-SHA-256")],
    ["SCRAM-SHA-512", () => sasl("SCRAM-SHA-512")],
    ["a client certificate", () => clientCertificate(ours)],
  ];

  test.each(toKafka)("go to Kafka with %s and to OpenSearch with a password", async (_name, to) => {
    const topic = uniqueName(TOPIC_PREFIX);
    const index = uniqueName(INDEX_PREFIX);
    const both = ["--topic", topic, "--index", index];
    expect(await run(["replay", SAMPLE, "--topic", topic], to())).toMatchObject({ exitCode: 0 });
    const synced = await run(["sync", ...both, "--until-end", "--json"], to(), basic());
    expect(synced).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(synced.stdout)).toMatchObject({ events: 726, dead_letters: 0 });
    const anew = await run(["sync", ...both, "--until-end", "--from-beginning"], to(), basic());
    expect(anew).toMatchObject({ exitCode: 0 });
    expect(await run(["verify", ...both], to(), basic())).toMatchObject({ exitCode: 0 });
    const status = await run(["status", ...both, "--json"], to(), basic());
    expect(JSON.parse(status.stdout).runs[0]).toMatchObject({ lag: 0, problem: null });
    await ask(`/${index}/_refresh`);
    expect((await ask(`/${index}/_count`)).count).toBe(82);
  });

  test("are enough for doctor, which tells a user who lacks them what to ask for", async () => {
    const topic = uniqueName(TOPIC_PREFIX);
    const both = ["--topic", topic, "--index", uniqueName(INDEX_PREFIX)];
    await run(["replay", SAMPLE, "--topic", topic], sasl());
    await run(["sync", ...both, "--until-end"], sasl(), basic());
    const fine = await run(["doctor", ...both, "--json"], sasl(), basic());
    expect(fine).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(fine.stdout)).toMatchObject({ fail: 0 });
    const guests = { KONN_KAFKA_USERNAME: "guest", KONN_KAFKA_PASSWORD: GUEST_PASSWORD };
    const refused = await run(["doctor", ...both, "--json"], sasl(), basic(), guests);
    expect(refused).toMatchObject({ exitCode: 3 });
    const { checks } = JSON.parse(refused.stdout);
    expect(checks).toContainEqual(expect.objectContaining({ area: "kafka", level: "fail" }));
  });

  test("go to OpenSearch with a client certificate, and with a password from a file", async () => {
    const topic = uniqueName(TOPIC_PREFIX);
    const index = uniqueName(INDEX_PREFIX);
    const sync = ["sync", "--topic", topic, "--index", index, "--until-end", "--json"];
    await run(["replay", SAMPLE, "--topic", topic], sasl());
    const nobody = { KONN_OPENSEARCH_USERNAME: undefined, KONN_OPENSEARCH_PASSWORD: undefined };
    const { certFile, keyFile } = ours;
    const files = ["--opensearch-cert-file", certFile, "--opensearch-key-file", keyFile];
    const shown = await run([...sync, ...files], sasl(), basic(), nobody);
    expect(shown).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(shown.stdout)).toMatchObject({ events: 726, written: 82 });
    const passwordFile = folder.file("password");
    writeFileSync(passwordFile, `${OPENSEARCH_PASSWORD}\n`, { mode: 0o600 });
    const named = await run(sync, sasl(), basic(), {
      KONN_OPENSEARCH_PASSWORD: undefined,
      KONN_OPENSEARCH_PASSWORD_FILE: passwordFile,
    });
    expect(named).toMatchObject({ exitCode: 0 });
  });
});

interface Refusal {
  readonly args?: readonly string[];
  readonly environment: () => Environment;
  readonly code: string;
  readonly exitCode?: number;
  /** What the error tells people to do. */
  readonly remedy: string;
}

const KAFKA_REFUSALS: Readonly<Record<string, Refusal>> = {
  "a wrong password (PLAIN)": {
    environment: () => ({ ...sasl("PLAIN"), KONN_KAFKA_PASSWORD: WRONG_PASSWORD }),
    code: "KAFKA_AUTHENTICATION_FAILED",
    remedy: "KONN_KAFKA_PASSWORD",
  },
  "a wrong password (SCRAM-SHA-256)": {
    environment: () => ({ ...sasl(), KONN_KAFKA_PASSWORD: WRONG_PASSWORD }),
    code: "KAFKA_AUTHENTICATION_FAILED",
    remedy: "KONN_KAFKA_PASSWORD",
  },
  "a wrong password (SCRAM-SHA-512)": {
    environment: () => ({ ...sasl("SCRAM-SHA-512"), KONN_KAFKA_PASSWORD: WRONG_PASSWORD }),
    code: "KAFKA_AUTHENTICATION_FAILED",
    remedy: "KONN_KAFKA_PASSWORD",
  },
  "a broker of an unknown authority": {
    environment: () => ({ ...sasl(), KONN_KAFKA_CA_FILE: stranger.caFile }),
    code: "KAFKA_CERTIFICATE_UNTRUSTED",
    remedy: "--kafka-ca-file",
  },
  "a broker that the system's authorities do not know": {
    environment: () => ({ ...sasl(), KONN_KAFKA_CA_FILE: undefined }),
    code: "KAFKA_CERTIFICATE_UNTRUSTED",
    remedy: "--kafka-ca-file",
  },
  "a broker of an unknown authority, whatever Node would be told": {
    environment: () => ({
      ...sasl(),
      KONN_KAFKA_CA_FILE: stranger.caFile,
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
    }),
    code: "KAFKA_CERTIFICATE_UNTRUSTED",
    remedy: "--kafka-ca-file",
  },
  "a broker with an expired certificate": {
    environment: () => ({ ...sasl(), KONN_BROKERS: kafka.expired }),
    code: "KAFKA_CERTIFICATE_EXPIRED",
    remedy: "renew",
  },
  "a broker with a certificate for another host": {
    environment: () => ({ ...sasl(), KONN_BROKERS: kafka.otherName }),
    code: "KAFKA_CERTIFICATE_WRONG_HOST",
    remedy: "host",
  },
  "TLS to a port without it": {
    environment: () => ({ ...sasl(), KONN_BROKERS: kafka.saslPlaintext }),
    code: "KAFKA_TLS_NOT_SPOKEN",
    remedy: "--kafka-tls",
  },
  "plaintext to a port with TLS": {
    environment: () => ({ KONN_BROKERS: kafka.ssl }),
    code: "KAFKA_TLS_EXPECTED",
    remedy: "--kafka-tls",
  },
  "a password in plaintext to a port with TLS": {
    environment: () => ({ ...sasl(), KONN_KAFKA_TLS: undefined, KONN_KAFKA_CA_FILE: undefined }),
    code: "KAFKA_TLS_EXPECTED",
    remedy: "--kafka-tls",
  },
  "no user where one is needed": {
    environment: () => ({
      KONN_BROKERS: kafka.saslSsl,
      KONN_KAFKA_TLS: "true",
      KONN_KAFKA_CA_FILE: authority.caFile,
    }),
    code: "KAFKA_SASL_EXPECTED",
    remedy: "SCRAM-SHA-512",
  },
  "a user where there are none": {
    environment: () => ({
      ...sasl(),
      ...clientCertificate(ours),
    }),
    code: "KAFKA_SASL_NOT_SPOKEN",
    remedy: "--kafka-sasl-mechanism",
  },
  "no client certificate": {
    environment: () => ({
      ...clientCertificate(ours),
      KONN_KAFKA_CERT_FILE: undefined,
      KONN_KAFKA_KEY_FILE: undefined,
    }),
    code: "KAFKA_CLIENT_CERTIFICATE_MISSING",
    remedy: "--kafka-cert-file",
  },
  "a client certificate of an unknown authority": {
    environment: () => clientCertificate(unknown),
    code: "KAFKA_CLIENT_CERTIFICATE_REFUSED",
    remedy: "--kafka-cert-file",
  },
  "a client certificate that has expired": {
    environment: () => clientCertificate(expired),
    code: "CERTIFICATE_EXPIRED",
    remedy: "renewed",
  },
  "a topic that the user may not use": {
    environment: () => ({
      ...sasl(),
      KONN_KAFKA_USERNAME: "guest",
      KONN_KAFKA_PASSWORD: GUEST_PASSWORD,
    }),
    code: "KAFKA_NOT_PERMITTED",
    remedy: "ACL",
  },
  "a password in plaintext to another machine": {
    environment: () => ({
      ...sasl(),
      KONN_BROKERS: "kafka.example:9092",
      KONN_KAFKA_TLS: undefined,
      KONN_KAFKA_CA_FILE: undefined,
    }),
    code: "KAFKA_CREDENTIALS_EXPOSED",
    exitCode: 2,
    remedy: "--insecure",
  },
};

const OPENSEARCH_REFUSALS: Readonly<Record<string, Refusal>> = {
  "a wrong password": {
    environment: () => ({ KONN_OPENSEARCH_PASSWORD: WRONG_PASSWORD }),
    code: "OPENSEARCH_UNAUTHORIZED",
    remedy: "KONN_OPENSEARCH_PASSWORD",
  },
  "no user where one is needed": {
    environment: () => ({
      KONN_OPENSEARCH_USERNAME: undefined,
      KONN_OPENSEARCH_PASSWORD: undefined,
    }),
    code: "OPENSEARCH_UNAUTHORIZED",
    remedy: "--opensearch-username",
  },
  "a node of an unknown authority": {
    environment: () => ({ KONN_OPENSEARCH_CA_FILE: stranger.caFile }),
    code: "OPENSEARCH_CERTIFICATE_UNTRUSTED",
    remedy: "--opensearch-ca-file",
  },
  "a node of an unknown authority, whatever Node would be told": {
    environment: () => ({
      KONN_OPENSEARCH_CA_FILE: undefined,
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
    }),
    code: "OPENSEARCH_CERTIFICATE_UNTRUSTED",
    remedy: "--opensearch-ca-file",
  },
  "a server with an expired certificate": {
    environment: () => ({ KONN_OPENSEARCH_URL: `https://${kafka.expired}` }),
    code: "OPENSEARCH_CERTIFICATE_EXPIRED",
    remedy: "renew",
  },
  "a server with a certificate for another host": {
    environment: () => ({ KONN_OPENSEARCH_URL: `https://${kafka.otherName}` }),
    code: "OPENSEARCH_CERTIFICATE_WRONG_HOST",
    remedy: "host",
  },
  "a server that demands a client certificate": {
    environment: () => ({ KONN_OPENSEARCH_URL: `https://${kafka.ssl}` }),
    code: "OPENSEARCH_CLIENT_CERTIFICATE_MISSING",
    remedy: "--opensearch-cert-file",
  },
  "a client certificate of an unknown authority": {
    environment: () => ({
      KONN_OPENSEARCH_CERT_FILE: unknown.certFile,
      KONN_OPENSEARCH_KEY_FILE: unknown.keyFile,
    }),
    code: "OPENSEARCH_CLIENT_CERTIFICATE_REFUSED",
    remedy: "--opensearch-cert-file",
  },
  "a client certificate that has expired": {
    environment: () => ({
      KONN_OPENSEARCH_CERT_FILE: expired.certFile,
      KONN_OPENSEARCH_KEY_FILE: expired.keyFile,
    }),
    code: "CERTIFICATE_EXPIRED",
    remedy: "renewed",
  },
  "plaintext to a port with TLS": {
    environment: () => ({
      KONN_OPENSEARCH_URL: openSearch.url.replace("https:", "http:"),
      KONN_OPENSEARCH_CA_FILE: undefined,
    }),
    code: "OPENSEARCH_TLS_EXPECTED",
    remedy: "https://",
  },
  "a user who may do nothing": {
    environment: () => ({
      KONN_OPENSEARCH_USERNAME: "guest",
      KONN_OPENSEARCH_PASSWORD: GUEST_PASSWORD,
    }),
    code: "OPENSEARCH_FORBIDDEN",
    remedy: "cluster:monitor/main",
  },
  "an index that the user may not use": {
    args: ["--index", "elsewhere"],
    environment: () => ({}),
    code: "OPENSEARCH_FORBIDDEN",
    remedy: "a role with the privileges",
  },
  "a user who may not write": {
    environment: () => ({
      KONN_OPENSEARCH_USERNAME: "reader",
      KONN_OPENSEARCH_PASSWORD: GUEST_PASSWORD,
    }),
    code: "OPENSEARCH_FORBIDDEN",
    remedy: "role",
  },
  "a password in plaintext to another machine": {
    environment: () => ({
      KONN_OPENSEARCH_URL: "http://search.example:9200",
      KONN_OPENSEARCH_CA_FILE: undefined,
    }),
    code: "OPENSEARCH_CREDENTIALS_EXPOSED",
    exitCode: 2,
    remedy: "--insecure",
  },
};

function expectRefusal(
  { exitCode, stdout, stderr }: KonnResult,
  { code, remedy, exitCode: expected = 3 }: Refusal,
): void {
  const error = JSON.parse(stderr.trim().split("\n").at(-1) ?? "");
  expect({ exitCode, stdout, code: error.code }).toEqual({ exitCode: expected, stdout: "", code });
  expect(error.message).toStartWith("Cannot ");
  expect(error.hint).toContain(remedy);
}

describe("Kafka: konn refuses at once, and says what to do about", () => {
  test.each(Object.entries(KAFKA_REFUSALS))("%s", async (_name, refusal) => {
    const startMs = performance.now();
    const environment = refusal.environment();
    const topic = uniqueName(TOPIC_PREFIX);
    const replay = ["replay", SAMPLE, "--wait", "60s", "--topic", topic];
    expectRefusal(await run(replay, environment), refusal);
    const sync = ["sync", "--wait", "60s", "--topic", topic, "--index", `${INDEX_PREFIX}-x`];
    expectRefusal(await run(sync, basic(), environment), refusal);
    expect(performance.now() - startMs).toBeLessThan(2 * AT_ONCE_MS);
  });
});

describe("OpenSearch: konn refuses at once, and says what to do about", () => {
  const topic = uniqueName(TOPIC_PREFIX);

  beforeAll(async () => {
    await run(["replay", SAMPLE, "--topic", topic], sasl());
  });

  test.each(Object.entries(OPENSEARCH_REFUSALS))("%s", async (_name, refusal) => {
    const startMs = performance.now();
    const index = uniqueName(INDEX_PREFIX);
    const args = refusal.args ?? ["--index", index];
    const sync = ["sync", "--wait", "60s", "--topic", topic, ...args];
    const result = await run(sync, sasl(), basic(), refusal.environment());
    expectRefusal(result, refusal);
    expect(performance.now() - startMs).toBeLessThan(AT_ONCE_MS);
  });
});

test("libraries that are asked to tell all are heard as well", async () => {
  const topic = uniqueName(TOPIC_PREFIX);
  const all = { DEBUG: "*", NODE_DEBUG: "http,https,tls,net", KAFKAJS_DEBUG_PROTOCOL_BUFFERS: "1" };
  const replayed = await run(["replay", SAMPLE, "--topic", topic], sasl("PLAIN"), all);
  expect(replayed).toMatchObject({ exitCode: 0 });
  const sync = ["sync", "--topic", topic, "--index", uniqueName(INDEX_PREFIX), "--until-end"];
  const synced = await run(sync, sasl(), basic(), all);
  expect(synced).toMatchObject({ exitCode: 0 });
  expect(synced.stderr).toContain("Starting a new request");
});

test("no secret is in any output, state file or index", async () => {
  const passwords = [KAFKA_PASSWORD, OPENSEARCH_PASSWORD, GUEST_PASSWORD, WRONG_PASSWORD];
  const users = ["konn", "guest", "reader"];
  const headers = passwords.flatMap((password) => users.map((user) => btoa(`${user}:${password}`)));
  const key = /-----\n(.{40})/.exec(readFileSync(ours.keyFile, "utf8"))?.[1] ?? "";
  expect(key).toHaveLength(40);
  const secrets = [...passwords, ...passwords.map(encodeURIComponent), ...headers, key];
  const files = [...new Bun.Glob(".konn/**").scanSync({ cwd: folder.path, dot: true })];
  expect(files.length).toBeGreaterThan(5);
  const texts = [
    ...printed,
    ...files.map((file) => readFileSync(folder.file(file), "latin1")),
    JSON.stringify(await ask(`/${INDEX_PREFIX}*`)),
    JSON.stringify(await ask(`/${INDEX_PREFIX}*/_search?size=10000`)),
  ];
  expect(texts.join("").length).toBeGreaterThan(100_000);
  for (const secret of secrets) {
    for (const text of texts) expect(text.includes(secret)).toBe(false);
  }
});
