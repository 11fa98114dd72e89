/**
 * How each error can be had with nothing but the binary: lines of shell in an empty folder with the
 * sample as stream.jsonl, of which the last one fails. What takes a Kafka or an OpenSearch is
 * provoked by the tests of those rooms.
 */
export const PROVOCATIONS: Readonly<Record<string, string>> = {
  USAGE: "konn sync --tpoic a",
  SETTING_INVALID: "konn replay stream.jsonl --limit many",
  CONFIG_UNREADABLE: "echo 'brokers =' > konn.toml; konn sync",
  CONFIG_INVALID: "echo 'brokes = \"a:1\"' > konn.toml; konn sync",
  CONFIG_HOLDS_SECRET: "echo 'kafka-password = \"a\"' > konn.toml; konn sync",
  CONFIRMATION_NEEDED:
    "echo broken > a.jsonl; konn pipe --from a.jsonl --to sqlite:i; konn dead-letters drop",
  CONNECTOR_UNKNOWN: "konn pipe --from kafak:a --to b.jsonl",
  CONNECTOR_ONE_WAY: "konn pipe --from opensearch:a --to b.jsonl",
  CONNECTOR_NO_INDEX: "konn verify --index sqlite:a",
  URL_INVALID: "konn pipe --from kafka: --to b.jsonl",
  URL_AMBIGUOUS: "konn pipe --from stream.jsonl --to out.sqlite",
  URL_WITH_CREDENTIALS: "konn pipe --from kafka://me:secret@h:1/a --to b.jsonl",
  INDEX_NAME_INVALID: "konn pipe --from stream.jsonl --to opensearch:A",
  SAME_PLACE: "konn pipe --from stream.jsonl --to stream.jsonl",

  FILE_NOT_FOUND: "konn replay no-such.jsonl",
  FILE_IS_FOLDER: "mkdir a; konn replay a",
  FILE_IS_PIPE: "mkfifo a; konn replay a",
  FILE_UNREADABLE: "ln -s a a; konn replay a",
  FILE_CORRUPT:
    "gzip -c stream.jsonl | head -c 5000 > a.jsonl.gz; konn pipe --from a.jsonl.gz --to b.jsonl",
  FILE_NOT_FOLLOWABLE:
    "gzip -c stream.jsonl > a.jsonl.gz; konn pipe --from a.jsonl.gz --to b.jsonl --follow",
  FILE_EXISTS: "touch b.jsonl; konn pipe --from stream.jsonl --to b.jsonl",
  FILE_CHANGED:
    "cp stream.jsonl a.jsonl; konn pipe --from a.jsonl --to b.jsonl; sed -i '700s/a/b/g' a.jsonl; konn pipe --from a.jsonl --to b.jsonl",
  LINE_NOT_FOUND: "konn pipe --from stream.jsonl --to b.jsonl --from-line 9000",
  OUTPUT_NOT_COMPRESSED: "konn pipe --from stream.jsonl --to b.jsonl.gz",
  OUTPUT_UNWRITABLE: "konn pipe --from stream.jsonl --to no-such-folder/b.jsonl",
  OUTPUT_CHANGED:
    "konn pipe --from stream.jsonl --to b.jsonl --limit 500; echo > b.jsonl; konn pipe --from stream.jsonl --to b.jsonl",

  STATE_DIR_UNUSABLE: "touch a; konn pipe --from stream.jsonl --to b.jsonl --state-dir a/b",
  RUN_LOCKED:
    "konn pipe --from stream.jsonl --to b.jsonl --rate 100/s & until [ -e .konn/*.lock ] && [ -e b.jsonl ]; do sleep 0.02; done; konn pipe --from stream.jsonl --to b.jsonl; code=$?; kill %1; wait %1; (exit $code)",
  CHECKPOINT_DAMAGED: `${piped()}; echo '{' > .konn/checkpoints/*.json; ${piped()}`,
  CHECKPOINT_FOREIGN: `${piped()}; cp .konn/checkpoints/*.json kept; konn pipe --from stream.jsonl --to c.jsonl; cp kept .konn/checkpoints/*c.jsonl*.json; konn pipe --from stream.jsonl --to c.jsonl`,
  CHECKPOINT_VERSION_UNKNOWN: `${piped()}; sed -i 's/"konn_checkpoint": 1/"konn_checkpoint": 99/' .konn/checkpoints/*.json; ${piped()}`,
  CHECKPOINT_UNREADABLE: `${piped()}; cd .konn/checkpoints; f=$(echo *.json); rm $f; mkdir $f; cd ../..; ${piped()}`,
  DEAD_LETTERS_UNWRITABLE:
    "mkdir .konn; touch .konn/dead-letters; echo broken > a.jsonl; konn pipe --from a.jsonl --to b.jsonl",
  DEAD_LETTERS_UNREADABLE: "mkdir -p .konn/dead-letters/a.jsonl; konn dead-letters list",

  SOURCE_GONE:
    "echo broken > a.jsonl; konn pipe --from a.jsonl --to sqlite:i; rm a.jsonl; konn dead-letters retry",
  SINK_CHANGED:
    "konn pipe --from stream.jsonl --to sqlite:i; konn pipe --from stream.jsonl --to sqlite:i --skip-types node",
  CHECKPOINT_MISSING:
    "echo broken > a.jsonl; konn pipe --from a.jsonl --to sqlite:i; rm .konn/checkpoints/*; konn dead-letters retry",
  RETRY_OUT_OF_ORDER:
    "echo broken > a.jsonl; konn pipe --from a.jsonl --to b.jsonl; konn dead-letters retry",
  RUN_NOT_FOUND:
    "echo broken > a.jsonl; konn pipe --from a.jsonl --to b.jsonl; konn dead-letters list --run other",
  RUN_AMBIGUOUS:
    "echo broken > a.jsonl; for b in b c; do konn pipe --from a.jsonl --to $b.jsonl; done; konn dead-letters show 1",
  LETTER_NOT_FOUND:
    "echo broken > a.jsonl; konn pipe --from a.jsonl --to b.jsonl; konn dead-letters show 7",
  TOO_MANY_DEAD_LETTERS:
    "echo broken > a.jsonl; konn pipe --from a.jsonl --to b.jsonl --max-dead-letters 0",
  TABLE_TRUNCATED: `echo '{"topic":"a","partition":0,"offset":0,"key":null,"payload":"{\\"op\\":\\"t\\",\\"before\\":null,\\"after\\":null,\\"source\\":{\\"lsn\\":1}}"}' > a.jsonl; konn pipe --from a.jsonl --to sqlite:i`,

  INDEX_NOT_FOUND: "konn search --index sqlite:i orders",
  INDEX_NOT_OURS: "yes not a database | head -100 > i; konn search --index sqlite:i orders",
  INDEX_OF_ANOTHER_SOURCE:
    "konn pipe --from stream.jsonl --to sqlite:i; tail -n 9 stream.jsonl > a.jsonl; konn pipe --from a.jsonl --to sqlite:i",
  INDEX_GONE:
    "konn pipe --from stream.jsonl --to sqlite:i; rm i*; konn pipe --from stream.jsonl --to sqlite:i",
  INDEX_REPLACED:
    "konn pipe --from stream.jsonl --to sqlite:i; konn pipe --from stream.jsonl --to sqlite:i --from-beginning --state-dir other; konn pipe --from stream.jsonl --to sqlite:i",
  INDEX_FILE_UNUSABLE: "ln -s i i; konn pipe --from stream.jsonl --to sqlite:i",

  QUERY_INVALID: "konn search --index sqlite:i 'type:'",
  LISTEN_FAILED: "konn sync --listen 192.0.2.1:80",
  HEALTH_UNREACHABLE: "konn health http://127.0.0.1:1/healthz",
  TOKEN_INVALID: "echo short > tokens; chmod 600 tokens; konn serve --token-file tokens",

  KAFKA_ADDRESS_INVALID: "konn pipe --from kafka://broker:port/a --to b.jsonl",
  KAFKA_UNREACHABLE: "konn replay stream.jsonl --brokers 127.0.0.1:1",
  KAFKA_CREDENTIALS_EXPOSED:
    "KONN_KAFKA_PASSWORD=a konn sync --brokers kafka.example:9092 --kafka-sasl-mechanism PLAIN --kafka-username me",
  OPENSEARCH_UNREACHABLE: "konn search orders --index cdc --opensearch-url http://127.0.0.1:1",
  OPENSEARCH_CREDENTIALS_EXPOSED:
    "KONN_OPENSEARCH_PASSWORD=a konn search orders --index cdc --opensearch-url http://search.example:9200 --opensearch-username me",
  OPENSEARCH_NOT_TLS:
    "openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=a 2>/dev/null; chmod 600 k; konn search orders --index cdc --opensearch-cert-file c --opensearch-key-file k",
  CREDENTIALS_INCOMPLETE: "konn sync --kafka-username me --kafka-sasl-mechanism PLAIN",
  TLS_FILES_INCOMPLETE: "konn sync --kafka-tls --kafka-cert-file a",
  SECRET_FILE_EXPOSED:
    "echo a > a; chmod 644 a; konn sync --kafka-sasl-mechanism PLAIN --kafka-username me --kafka-password-file a",
  SECRET_FILE_EMPTY:
    ": > a; chmod 600 a; konn sync --kafka-sasl-mechanism PLAIN --kafka-username me --kafka-password-file a",
  CERTIFICATE_INVALID: "echo a > a; konn sync --kafka-tls --kafka-ca-file a",
  PRIVATE_KEY_INVALID:
    "openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=a 2>/dev/null; echo a > k; chmod 600 k; konn sync --kafka-tls --kafka-cert-file c --kafka-key-file k",
};

/** Lines that no document can be made of, each with the code that konn gives its reason. */
export const REFUSED_LINES: readonly (readonly [code: string, line: string | Uint8Array])[] = [
  ["LINE_NOT_JSON", "broken"],
  ["LINE_NOT_UTF8", Uint8Array.of(0x22, 0xff, 0x22)],
  ["LINE_TOO_DEEP", "[".repeat(100) + "]".repeat(100)],
  ["LINE_OF_OTHER_FORMAT", JSON.stringify({ after: { key: "a", value: "{}" }, op: "c" })],
  ["RECORD_MALFORMED", JSON.stringify({ ...recordOf("k", "v"), partition: "none" })],
  ["KEY_EMPTY", record("", { after: { key: "", value: "{}" }, op: "c" })],
  ["KEY_TOO_LONG", rowOf("k".repeat(600))],
  ["KEY_MISSING", record(null, { before: null, after: null, op: "d" })],
  ["KEY_MISMATCH", record('{"key":"other"}', { after: { key: "a", value: "{}" }, op: "c" })],
  ["KEY_NOT_UTF8", bytes({ key_base64: "/w==", payload: null })],
  ["KEY_TOO_DEEP", record(nested(), { after: null, before: null, op: "d" })],
  ["KEY_IN_WIRE_FORMAT", bytes({ key_base64: "AAAAAAFh", payload: null })],
  ["VALUE_IN_WIRE_FORMAT", bytes({ key: "a", payload_base64: "AAAAAAFh" })],
  ["VALUE_NOT_JSON", JSON.stringify(recordOf("a", "{"))],
  ["VALUE_NOT_UTF8", bytes({ key: "a", payload_base64: "/w==" })],
  ["VALUE_NOT_AN_OBJECT", record("a", [1])],
  ["VALUE_TOO_DEEP", JSON.stringify(recordOf("a", nested()))],
  ["NOT_A_CHANGE_EVENT", record("a", { some: "thing", other: 1 })],
  ["NOT_A_KEY_VALUE_TABLE", record("a", { after: { id: 1, name: "a" }, op: "c" })],
  ["OPERATION_MISSING", record("a", { after: { key: "a", value: "{}" }, source: {} })],
  ["OPERATION_UNKNOWN", record("a", { after: { key: "a", value: "{}" }, op: "z" })],
  ["ROW_MISSING", record("a", { after: null, op: "c" })],
  ["ROW_VALUE_NOT_JSON", rowOf("a", "{")],
  ["ROW_VALUE_TOO_DEEP", rowOf("a", nested())],
  ["SCHEMA_WITHOUT_PAYLOAD", record("a", { schema: { type: "struct" } })],
  ["TOMBSTONE_WITHOUT_KEY", JSON.stringify(recordOf(null, null))],
];

function recordOf(key: string | null, payload: string | null): object {
  return { topic: "a", partition: 0, offset: 0, key, payload };
}

function record(key: string | null, value: unknown): string {
  return JSON.stringify(recordOf(key, JSON.stringify(value)));
}

function rowOf(key: string, value = "{}"): string {
  return record(JSON.stringify({ key }), { after: { key, value }, op: "c" });
}

function bytes(content: object): string {
  return JSON.stringify({ topic: "a", partition: 0, offset: 0, ...content });
}

/** JSON that is nested deeper than konn reads. */
function nested(): string {
  return `${'{"a":'.repeat(100)}1${"}".repeat(100)}`;
}

function piped(): string {
  return "konn pipe --from stream.jsonl --to b.jsonl";
}

/**
 * Codes that no test provokes by name: defects of konn, what no command leads to, and what takes a
 * Kafka, an OpenSearch or a moment that tests cannot have.
 */
export const NOT_PROVOKED: readonly string[] = [
  "ALIAS_CONTESTED",
  "CHECKPOINT_UNWRITABLE",
  "CONNECTOR_NO_DIAGNOSIS",
  "CONNECTOR_NO_SEARCH",
  "INDEX_NOT_OPEN",
  "INTERNAL",
  "KAFKA_CERTIFICATE_NOT_YET_VALID",
  "KAFKA_CLIENT_UNSUPPORTED",
  "KAFKA_GROUP_NAME_INVALID",
  "KAFKA_GROUP_UNSTABLE",
  "KAFKA_NOT_OPEN",
  "KAFKA_POSITION_REFUSED",
  "KAFKA_POSITION_UNKNOWN",
  "KAFKA_REQUEST_REFUSED",
  "KAFKA_SASL_MECHANISM_UNSUPPORTED",
  "KAFKA_SESSION_TIMEOUT_REFUSED",
  "KAFKA_TLS_FAILED",
  "KAFKA_TRANSACTION_UNCLEAR",
  "KAFKA_VERSION_UNSUPPORTED",
  "KEYLESS_EVENT",
  "OPENSEARCH_CERTIFICATE_NOT_YET_VALID",
  "OPENSEARCH_STARTING",
  "OPENSEARCH_TLS_FAILED",
  "OPENSEARCH_TLS_NOT_SPOKEN",
  "SEARCH_FAILED",
  "SOURCE_NOT_OPEN",
  "VALUE_UNAVAILABLE",
];
