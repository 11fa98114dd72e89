import { type AttributeName, canonicalType } from "../search/mod.ts";
import type { AttributeSchemaJson } from "./api_shapes.ts";

/** Words of a type's name that are not just their letters with a capital first. */
const WORDS: Readonly<Record<string, string>> = {
  acl: "ACL",
  acme: "ACME",
  ca: "CA",
  hmacauth: "HMAC Auth",
  jwt: "JWT",
  jwk: "JWK",
  keyauth: "Key Auth",
  mtls: "mTLS",
  oauth2: "OAuth2",
  oic: "OIC",
  rbac: "RBAC",
  sni: "SNI",
  basicauth: "Basic Auth",
};

const NAMES: Readonly<Record<string, string>> = {
  node: "Data Plane Node",
  cluster: "Control Plane",
};

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  service: "An upstream API that a gateway forwards requests to",
  route: "A rule that matches requests to a service",
  consumer: "Who or what consumes services",
  consumer_group: "Consumers that share a configuration",
  plugin: "A policy that applies to requests",
  upstream: "A virtual host name that balances over targets",
  target: "An address behind an upstream",
  certificate: "A certificate that a gateway presents",
  ca_certificate: "An authority that a gateway trusts",
  sni: "A host name that a certificate is for",
  vault: "A store that secrets are referenced from",
  key: "A key of a key set",
  key_set: "Keys that belong together",
  node: "A data plane node that is connected to a control plane",
  cluster: "A control plane",
};

const ATTRIBUTES: Readonly<Record<AttributeName, AttributeSchemaJson>> = {
  control_plane: text("Control Plane", "The id of the control plane that it is of"),
  parent: text("Parent", "The id of what it belongs to: the service of a route"),
  custom_id: text("Custom Id", "What another system calls it"),
  instance_name: text("Instance Name", "The second name of a plugin"),
  prefix: text("Prefix", "What references to it begin with"),
  hosts: list("Hosts", "Host names"),
  paths: list("Paths", "Paths"),
  methods: list("Methods", "HTTP methods"),
  protocols: list("Protocols", "Protocols"),
  tags: list("Tags", "Tags"),
  version: text("Version", "The version that it runs"),
  enabled: { type: "boolean", name: "Enabled", description: "Whether it is in use" },
  created_at: time("Created At", "The time at which it was created"),
  updated_at: time("Updated At", "The time at which it was last changed"),
};

/** What a person calls a type: `ca_certificate` is a `CA Certificate`. */
export function typeName(type: string): string {
  const canonical = canonicalType(type);
  const own = Object.hasOwn(NAMES, canonical) ? NAMES[canonical] : undefined;
  return own ?? canonical.split("_").map(capitalized).join(" ");
}

/** What a type is, in a line. */
export function typeDescription(type: string): string {
  const canonical = canonicalType(type);
  const own = Object.hasOwn(DESCRIPTIONS, canonical) ? DESCRIPTIONS[canonical] : undefined;
  return own ?? `An entity of type ${type}`;
}

/** What an attribute holds. */
export function attributeSchema(name: AttributeName): AttributeSchemaJson {
  return ATTRIBUTES[name];
}

function capitalized(word: string): string {
  const own = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  return own ?? word.slice(0, 1).toUpperCase() + word.slice(1);
}

function text(name: string, description: string): AttributeSchemaJson {
  return { type: "string", name, description };
}

function time(name: string, description: string): AttributeSchemaJson {
  return { type: "string", format: "date-time", name, description };
}

function list(name: string, description: string): AttributeSchemaJson {
  return { type: "array", items: { type: "string" }, name, description };
}
