/** OpenSearch with its Security plugin, TLS and users, on a JDK of this machine. */

import {
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LOOPBACK_NAMES, TestAuthority } from "./certificates.ts";
import { MAKE_CLASS_CACHE_TIMEOUT_MS, makeClassCache, useClassCache } from "./class_cache.ts";
import { install, type Installation } from "./install.ts";
import { findJdk } from "./jdk.ts";
import { LocalServer } from "./local_server.ts";
import { unpackArtifact } from "./maven.ts";
import {
  compileLauncher,
  BUNDLED_MODULES,
  LAUNCHER_INPUTS,
  nodeCommand,
  OPENSEARCH_JDK_MAJOR,
  openSearchVersion,
} from "./opensearch_launcher.ts";
import { LOOPBACK, startOnFreePorts } from "./ports.ts";
import type { OpenSearchService } from "./service.ts";

const POM = fileURLToPath(new URL("opensearch_secure/pom.xml", import.meta.url));
const VERSION = openSearchVersion(POM);
const TITLE = `OpenSearch ${VERSION} with Security`;
const ARTIFACT = `org.opensearch.plugin:opensearch-security:${VERSION}.0:zip`;

const SECURITY_PLUGIN = "org.opensearch.security.OpenSearchSecurityPlugin";

const PROBE_TIMEOUT_MS = 5_000;
/** The cheapest hash there is: the users of a test need no protection. */
const BCRYPT_COST = 4;

const ADMIN_ROLE = "admin";

/** A user of the internal database. A client certificate of the same name is the same user. */
export interface OpenSearchUser {
  readonly name: string;
  readonly password: string;
  /** May do everything. One of the name "admin" may also change users. */
  readonly isAdmin?: boolean;
  /** Otherwise what it may do, in the words of the Security plugin's roles. */
  readonly permissions?: {
    readonly cluster: readonly string[];
    /** On which indexes, and what there. */
    readonly indexes: readonly string[];
    readonly actions: readonly string[];
  };
}

export interface SecureOpenSearchOptions {
  /** Who signs the node's certificate and those of its clients. */
  readonly authority: TestAuthority;
  /** The first one is an administrator: the start waits until it is let in. */
  readonly users: readonly [OpenSearchUser, ...OpenSearchUser[]];
}

/** Starts an OpenSearch of its own on random free ports, installing it first when need be. */
export async function startSecureOpenSearch(
  options: SecureOpenSearchOptions,
): Promise<OpenSearchService> {
  const installation = await installSecureOpenSearch();
  return await startNode(installation, { ...options, jvmFlags: useClassCache(installation) });
}

async function installSecureOpenSearch(): Promise<Installation> {
  const jdk = findJdk(OPENSEARCH_JDK_MAJOR);
  return await install({
    name: `opensearch-secure-${VERSION}`,
    title: TITLE,
    jdk,
    pom: POM,
    inputs: [...LAUNCHER_INPUTS, ARTIFACT],
    complete: async (folder, { lockFile }) => {
      await unpackArtifact(ARTIFACT, { folder, lockFile, into: "plugin" });
      addPluginJars(folder);
      await compileLauncher({ jdk }, folder);
    },
    train,
  });
}

/** The plugin brings jars that the server has already, which may not be there in two versions. */
function addPluginJars(folder: string): void {
  const libraryOf = (jar: string): string => basename(jar).replace(/-\d[\w.-]*\.jar$/, "");
  const present = new Set(globSync(`${folder}/lib/*.jar`).map(libraryOf));
  for (const jar of globSync(`${folder}/plugin/*.jar`)) {
    if (!present.has(libraryOf(jar))) copyFileSync(jar, join(folder, "lib", basename(jar)));
  }
}

async function train(installation: Installation): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "konn-training-"));
  const authority = new TestAuthority(folder, "ca");
  const users = [{ name: "admin", password: "training", isAdmin: true }] as const;
  const jvmFlags = makeClassCache(installation);
  try {
    const node = await startNode(installation, { authority, users, jvmFlags });
    await node.stop(MAKE_CLASS_CACHE_TIMEOUT_MS);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startNode(
  installation: Installation,
  { authority, users, jvmFlags }: SecureOpenSearchOptions & { jvmFlags: readonly string[] },
): Promise<LocalServer & OpenSearchService> {
  return await startOnFreePorts(undefined, async (port, transportPort) => {
    const folder = mkdtempSync(join(tmpdir(), "konn-opensearch-"));
    const settings = {
      "http.port": String(port),
      "transport.port": String(transportPort),
      ...securitySettings(folder, authority),
    };
    writeSecurityConfiguration(join(folder, "config", "opensearch-security"), users);
    const url = `https://${LOOPBACK}:${port}`;
    const server = await LocalServer.start({
      title: TITLE,
      folder,
      command: nodeCommand(installation, {
        folder,
        plugins: [SECURITY_PLUGIN, ...BUNDLED_MODULES],
        settings,
        jvmFlags,
      }),
      isReady: (pid) => isServing(url, { pid, authority, user: users[0] }),
    });
    return Object.assign(server, { url });
  });
}

/** The plugin reads files of its node's configuration folder only. */
function securitySettings(folder: string, authority: TestAuthority): Record<string, string> {
  const config = join(folder, "config");
  mkdirSync(join(config, "opensearch-security"), { recursive: true });
  const node = authority.issue({ commonName: "node", alternativeNames: LOOPBACK_NAMES });
  copyFileSync(authority.caFile, join(config, "ca.pem"));
  copyFileSync(node.certFile, join(config, "node.pem"));
  copyFileSync(node.keyFile, join(config, "node.key"));
  const settings: Record<string, string> = {
    "plugins.security.ssl.http.enabled": "true",
    "plugins.security.ssl.http.clientauth_mode": "OPTIONAL",
    "plugins.security.ssl.transport.enforce_hostname_verification": "false",
    "plugins.security.authcz.admin_dn": "CN=nobody",
    "plugins.security.allow_default_init_securityindex": "true",
    "plugins.security.audit.type": "noop",
    // Whoever has the role of this name may change users.
    "plugins.security.restapi.roles_enabled": ADMIN_ROLE,
  };
  for (const layer of ["http", "transport"]) {
    settings[`plugins.security.ssl.${layer}.pemcert_filepath`] = "node.pem";
    settings[`plugins.security.ssl.${layer}.pemkey_filepath`] = "node.key";
    settings[`plugins.security.ssl.${layer}.pemtrustedcas_filepath`] = "ca.pem";
  }
  return settings;
}

/** What the plugin puts into its own index at the first start. JSON is YAML. */
function writeSecurityConfiguration(folder: string, users: readonly OpenSearchUser[]): void {
  const write = (name: string, type: string, content: object): void => {
    const file = { _meta: { type, config_version: 2 }, ...content };
    writeFileSync(join(folder, `${name}.yml`), JSON.stringify(file));
  };
  const byName = <T>(valueOf: (user: OpenSearchUser) => T): Record<string, T> =>
    Object.fromEntries(users.map((user) => [user.name, valueOf(user)]));
  write("config", "config", { config: { dynamic: { authc: AUTHENTICATION_DOMAINS } } });
  write(
    "internal_users",
    "internalusers",
    byName(({ password }) => ({ hash: hashOf(password) })),
  );
  write("roles", "roles", byName(roleOf));
  write(
    "roles_mapping",
    "rolesmapping",
    byName(({ name }) => ({ users: [name] })),
  );
  write("action_groups", "actiongroups", {});
  write("tenants", "tenants", {});
  write("nodes_dn", "nodesdn", {});
  write("allowlist", "allowlist", { config: { enabled: false, requests: {} } });
  write("audit", "audit", { config: { enabled: false } });
}

const AUTHENTICATION_DOMAINS = {
  certificate: {
    http_enabled: true,
    order: 0,
    http_authenticator: {
      type: "clientcert",
      challenge: false,
      config: { username_attribute: "cn" },
    },
    authentication_backend: { type: "noop" },
  },
  basic: {
    http_enabled: true,
    order: 1,
    http_authenticator: { type: "basic", challenge: true },
    authentication_backend: { type: "intern" },
  },
};

function hashOf(password: string): string {
  return Bun.password.hashSync(password, { algorithm: "bcrypt", cost: BCRYPT_COST });
}

function roleOf({ isAdmin = false, permissions }: OpenSearchUser): object {
  const all = { cluster: ["*"], indexes: ["*"], actions: ["*"] };
  const { cluster, indexes, actions } = isAdmin
    ? all
    : (permissions ?? { ...all, cluster: [], indexes: [], actions: [] });
  return {
    cluster_permissions: cluster,
    index_permissions: [{ index_patterns: indexes, allowed_actions: actions }],
  };
}

interface Probe {
  readonly pid: number;
  readonly authority: TestAuthority;
  readonly user: OpenSearchUser;
}

/** Whether the plugin lets its users in, and this is the process that we started. */
async function isServing(url: string, { pid, authority, user }: Probe): Promise<boolean> {
  try {
    const path = "/_nodes/_local/process?filter_path=nodes.*.process.id";
    const response = await fetch(`${url}${path}`, {
      headers: { authorization: `Basic ${btoa(`${user.name}:${user.password}`)}` },
      tls: { ca: readFileSync(authority.caFile, "utf8") },
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    return (await response.text()).includes(`"id":${pid}}`);
  } catch {
    return false;
  }
}
