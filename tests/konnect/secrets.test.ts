import { expect, test } from "bun:test";
import { decodeChange } from "../../core/cdc/decode.ts";
import type { JsonObject, JsonValue } from "../../core/base/json.ts";
import { entityDocument } from "../../core/konnect/entity_document.ts";
import { KNOWN_TYPES } from "../../core/konnect/entity_types.ts";
import { bytesOf, readCapture } from "../cdc/captures.ts";

const SECRET = "s3cr3t";

/** Fields that a document may show of any type. Written by hand: the table is what is tested. */
const SHOWN = new Set(
  `name description host hosts path paths protocol protocols tags labels version enabled
   created_at updated_at host_header`.split(/\s+/),
);

/** And of these types alone. */
const SHOWN_OF_TYPE: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    consumer: ["username", "custom_id"],
    admin: ["username", "custom_id"],
    developer: ["email", "custom_id"],
    plugin: ["instance_name"],
    route: ["methods"],
    target: ["target"],
    vault: ["prefix"],
    key: ["kid"],
    degraphql_route: ["uri"],
    acl: ["group"],
    event_hook: ["event"],
    node: ["hostname"],
    data_plane: ["hostname"],
    clustering_data_plane: ["hostname"],
    basicauth_credential: ["username"],
    basic_auth: ["username"],
    hmacauth_credential: ["username"],
    hmac_auth: ["username"],
    mtls_auth_credential: ["subject_name"],
    mtls_auth: ["subject_name"],
    header_cert_auth_credential: ["subject_name"],
    header_cert_auth: ["subject_name"],
  }),
);

/** Every field of any entity of Kong Gateway 3.x that is not a mere number or switch. */
const FIELDS = `access_token refresh_token access_key_id algorithm allowed_cidrs auth_config body
  ca_certificates cert cert_alt cert_digest certificate client_certificate client_id client_secret
  code comment condition config config_hash consumer consumer_group content contents custom_id data
  data_plane_cert_id description dns_prefix email entity_id event expected_hash expression field
  filters group handler hash_fallback hash_on hash_on_cookie hash_secret headers healthchecks host
  host_header hosts hostname id instance_name ip issuer jwk jwk_set jwks k key key_alt keys kid
  labels lua_schema meta metadata method methods name object on_change ordering password path paths
  payload pem plugins prefix private_key process_conf protocol protocols provision_key public_key
  query redirect_uri redirect_uris reset_password_secret resource_type role route rsa_public_key
  salt scope schema secret service session_id set snis snippet source state subject_name sync_status
  tags target tls_sans ttl type upstream uri url user user_token user_token_ident username value
  version workspace`.split(/\s+/);

/** The secret in all the forms that a field could hold it. */
function hide(name: string): JsonValue {
  const hidden: JsonObject = {
    id: "1",
    name: SECRET,
    key: SECRET,
    tags: [SECRET],
    [SECRET]: SECRET,
  };
  const parents = [
    "service",
    "route",
    "consumer",
    "consumer_group",
    "upstream",
    "certificate",
    "set",
  ];
  const isReference = [...parents, "role", "user", "developer", "application"].includes(name);
  return isReference ? hidden : SECRET;
}

test("entityDocument() shows no secret of any type, wherever else it stands", () => {
  const types = [...KNOWN_TYPES, ...KNOWN_TYPES.map((type) => type.replaceAll("_", "-"))];
  for (const type of [...types, "store_event", "brand_new", "__proto__", "constructor"]) {
    const shown = SHOWN_OF_TYPE.get(type.replaceAll("-", "_")) ?? [];
    const names = FIELDS.filter((name) => !SHOWN.has(name) && !shown.includes(name));
    const object: JsonObject = { name: "n", tags: ["t"] };
    for (const name of names) object[name] = hide(name);
    const { document } = entityDocument(`c/cp/o/${type}/1`, { type: 3, object, value: SECRET });
    expect(JSON.stringify(document), type).not.toContain(SECRET);
  }
});

test("entityDocument() shows of an unknown type name and tags alone", () => {
  const object: JsonObject = Object.fromEntries(FIELDS.map((name) => [name, SECRET]));
  const { document } = entityDocument("c/cp/o/brand_new/1", { object });
  expect(Object.keys(document)).toEqual(["type", "id", "control_plane", "name", "tags"]);
});

test("entityDocument() shows nothing of a private key of the sample", async () => {
  const text = await Bun.file(new URL("../fixtures/stream.jsonl", import.meta.url)).text();
  const line = text.split("\n").find((each) => each.includes("/o/key/")) ?? "";
  const change = decodeChange({ key: null, value: bytesOf(line), headers: [] });
  if (change.kind !== "upsert") throw new Error(`Cannot use the sample: ${change.kind}`);
  const shown = JSON.stringify(entityDocument(change.key, change.row).document);
  const members: string[] = Object.values(JSON.parse(jwkOf(change.row)));
  const long = members.filter((member) => member.length > 40);
  expect(long.length).toBeGreaterThan(5);
  for (const member of long) expect(shown).not.toContain(member.slice(0, 20));
  expect(shown).not.toContain("jwk");
});

test("entityDocument() shows nothing of keys and certificates of the captures", async () => {
  let checked = 0;
  for (const record of await readCapture("a")) {
    const change = decodeChange(record);
    if (change.kind !== "upsert") continue;
    const shown = JSON.stringify(entityDocument(change.key, change.row).document);
    expect(shown).not.toMatch(/BEGIN [A-Z ]*(KEY|CERTIFICATE)|vault:\/\/|s3cr3t|"kty"/);
    checked += 1;
  }
  expect(checked).toBeGreaterThan(1000);
});

function jwkOf(row: JsonValue): string {
  const { object }: { object?: { jwk?: string } } = Object(row);
  return object?.jwk ?? "{}";
}
