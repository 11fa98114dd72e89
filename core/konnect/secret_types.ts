/**
 * Types whose values can hold a secret: keys and certificates, credentials, and whatever is
 * configured freely. Kong marks 464 fields of its plugins as secrets and leaves others unmarked, so
 * the type decides and not the content. Hyphens count as underscores.
 */
const SECRET_TYPES: ReadonlySet<string> = new Set(
  (
    "key certificate vault plugin consumer_group_plugin partial filter_chain config_store_secret " +
    "keyauth_credential key_auth keyauth_enc_credential key_auth_enc basicauth_credential basic_auth " +
    "hmacauth_credential hmac_auth jwt_secret jwt oauth2_credential oauth2 oauth2_token " +
    "oauth2_authorization_code admin rbac_user event_hook license session keyring_meta acme_storage " +
    "jwt_signer_jwk oic_jwk oic_issuer"
  ).split(" "),
);

/** Whether events of this type, which is as written in their keys, can hold secrets. */
export function canHoldSecrets(type: string): boolean {
  return SECRET_TYPES.has(type.replaceAll("-", "_"));
}
