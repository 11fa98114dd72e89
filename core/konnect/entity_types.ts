/**
 * What may leave an entity, by type: the allow-list that is the only way into a document.
 *
 * A field that is not named here never reaches an index, a log or a page. That is what keeps out
 * the private keys of `key` and `certificate`, the settings of `vault`, `plugin`, `partial` and
 * `filter_chain`, the secrets of credentials and whatever a later version adds. Before a field is
 * added, ask whether any plugin, credential or user may put a secret there.
 */
export interface EntityFields {
  /** What a person calls the entity: the first of these that holds a text. */
  readonly name: readonly string[];
  /** Second names, each of which goes into the document's field of that name. */
  readonly otherNames: readonly ("custom_id" | "instance_name" | "prefix")[];
  /** Fields that refer to the entity that this one belongs to, `{id}`; the first that does. */
  readonly parent: readonly string[];
  /** Fields whose texts, single or in lists, go into the document's field of that name. */
  readonly hosts: readonly string[];
  readonly paths: readonly string[];
  readonly methods: readonly string[];
  readonly protocols: readonly string[];
  readonly hasLabels: boolean;
  readonly hasVersion: boolean;
  readonly hasEnabled: boolean;
  readonly hasDescription: boolean;
  readonly hasCreatedAt: boolean;
  readonly hasUpdatedAt: boolean;
}

/** What is taken of an entity whose type is not in the table: its name, and its tags. */
const UNKNOWN: EntityFields = {
  name: ["name"],
  otherNames: [],
  parent: [],
  hosts: [],
  paths: [],
  methods: [],
  protocols: [],
  hasLabels: false,
  hasVersion: false,
  hasEnabled: false,
  hasDescription: false,
  hasCreatedAt: false,
  hasUpdatedAt: false,
};

/** What nearly every type has besides its own. */
const COMMON: EntityFields = {
  ...UNKNOWN,
  hasLabels: true,
  hasCreatedAt: true,
  hasUpdatedAt: true,
};

/** Nothing of a credential but whose it is and when it was made, unless a row below says more. */
const CREDENTIAL: EntityFields = { ...COMMON, name: [], parent: ["consumer"], hasLabels: false };

/** Holds secrets or code, and has no name of its own. */
const OPAQUE: EntityFields = { ...COMMON, name: [], hasLabels: false };

/**
 * The entities that a control plane of Kong Gateway 3.x stores. Names that occur in two spellings
 * stand in one row; hyphens count as underscores.
 */
const TABLE: readonly (readonly [types: string, fields: EntityFields])[] = [
  // What a gateway is configured with.
  [
    "service",
    {
      ...COMMON,
      hosts: ["host"],
      paths: ["path"],
      protocols: ["protocol"],
      hasEnabled: true,
    },
  ],
  [
    "route",
    {
      ...COMMON,
      parent: ["service"],
      hosts: ["hosts"],
      paths: ["paths"],
      methods: ["methods"],
      protocols: ["protocols"],
    },
  ],
  ["consumer", { ...COMMON, name: ["username", "custom_id"], otherNames: ["custom_id"] }],
  ["consumer_group", COMMON],
  ["consumer_group_member consumer_group_consumer", { ...OPAQUE, parent: ["consumer_group"] }],
  ["consumer_group_plugin", { ...COMMON, parent: ["consumer_group"] }],
  [
    "plugin",
    {
      ...COMMON,
      name: ["name", "instance_name"],
      otherNames: ["instance_name"],
      parent: ["route", "service", "consumer", "consumer_group"],
      protocols: ["protocols"],
      hasEnabled: true,
    },
  ],
  ["upstream", { ...COMMON, hosts: ["host_header"] }],
  ["target", { ...COMMON, name: ["target"], parent: ["upstream"] }],
  ["certificate", OPAQUE],
  ["ca_certificate", OPAQUE],
  ["sni", { ...COMMON, parent: ["certificate"] }],
  ["vault", { ...COMMON, name: ["name", "prefix"], otherNames: ["prefix"], hasDescription: true }],
  ["key", { ...COMMON, name: ["name", "kid"], parent: ["set"] }],
  ["key_set", COMMON],
  ["partial", COMMON],
  ["filter_chain", { ...COMMON, parent: ["route", "service"], hasEnabled: true }],
  ["degraphql_route", { ...COMMON, name: ["uri"], parent: ["service"], paths: ["uri"] }],
  ["graphql_ratelimiting_cost_decoration", { ...OPAQUE, parent: ["service"] }],
  ["custom_plugin plugin_schema", COMMON],
  ["config_store", COMMON],
  ["config_store_secret", { ...OPAQUE, parent: ["config_store"] }],
  // Credentials of consumers.
  ["keyauth_credential key_auth keyauth_enc_credential key_auth_enc", CREDENTIAL],
  ["basicauth_credential basic_auth", { ...CREDENTIAL, name: ["username"] }],
  ["hmacauth_credential hmac_auth", { ...CREDENTIAL, name: ["username"] }],
  ["jwt_secret jwt", CREDENTIAL],
  ["acl", { ...CREDENTIAL, name: ["group"] }],
  ["oauth2_credential oauth2", { ...CREDENTIAL, name: ["name"] }],
  ["oauth2_token oauth2_authorization_code", OPAQUE],
  ["mtls_auth_credential mtls_auth", { ...CREDENTIAL, name: ["subject_name"] }],
  ["header_cert_auth_credential header_cert_auth", { ...CREDENTIAL, name: ["subject_name"] }],
  // The control plane and what is connected to it. A node reports every few seconds: what changes
  // with each report (updated_at, last_ping, config_hash) is left out, so that nothing changes.
  [
    "node data_plane clustering_data_plane",
    { ...COMMON, name: ["hostname", "name"], hasVersion: true, hasUpdatedAt: false },
  ],
  ["cluster control_plane", { ...COMMON, hasDescription: true }],
  ["data_plane_certificate data_plane_client_certificate", OPAQUE],
  // Administration and the developer portal.
  ["workspace", COMMON],
  ["admin", { ...COMMON, name: ["username", "custom_id"], otherNames: ["custom_id"] }],
  ["rbac_user", { ...COMMON, hasEnabled: true }],
  ["rbac_role group", COMMON],
  ["rbac_role_endpoint rbac_role_entity", { ...OPAQUE, parent: ["role"] }],
  ["rbac_user_role rbac_user_group", { ...OPAQUE, parent: ["user"] }],
  ["developer", { ...COMMON, name: ["email", "custom_id"], otherNames: ["custom_id"] }],
  ["application", { ...COMMON, parent: ["developer"], hasDescription: true }],
  ["application_instance", { ...OPAQUE, parent: ["application"] }],
  ["document_object", { ...OPAQUE, parent: ["service"], paths: ["path"] }],
  ["file", { ...OPAQUE, paths: ["path"] }],
  ["event_hook", { ...COMMON, name: ["event"] }],
  [
    "license session keyring_meta login_attempt parameter acme_storage jwt_signer_jwk oic_jwk oic_issuer",
    OPAQUE,
  ],
];

const FIELDS_OF_TYPE: ReadonlyMap<string, EntityFields> = new Map(
  TABLE.flatMap(([types, fields]) => types.split(" ").map((type) => [type, fields] as const)),
);

/** The types of the table, in their canonical spelling with underscores. */
export const KNOWN_TYPES: readonly string[] = [...FIELDS_OF_TYPE.keys()];

/** Types that nobody searches: marks and counters that a control plane keeps beside its entities. */
export const UNSEARCHED_TYPES: readonly string[] = [
  "store_event",
  "hash",
  "composite-status",
  "node-status",
];

/** What may be taken of an entity of this type, which is as written in its key. */
export function fieldsOfType(type: string): EntityFields {
  return FIELDS_OF_TYPE.get(type) ?? FIELDS_OF_TYPE.get(type.replaceAll("-", "_")) ?? UNKNOWN;
}

/** The members of an entity's object that may be looked at: what `entityDocument` reads. */
export function namesOfFields(fields: EntityFields): readonly string[] {
  const { name, otherNames, parent, hosts, paths, methods, protocols } = fields;
  return [
    "tags",
    ...[name, otherNames, parent, hosts, paths, methods, protocols].flat(),
    ...(fields.hasLabels ? ["labels"] : []),
    ...(fields.hasVersion ? ["version"] : []),
    ...(fields.hasEnabled ? ["enabled"] : []),
    ...(fields.hasDescription ? ["description"] : []),
    ...(fields.hasCreatedAt ? ["created_at"] : []),
    ...(fields.hasUpdatedAt ? ["updated_at"] : []),
  ];
}
