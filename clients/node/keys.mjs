// The system's own key and what it signs: client assertions (RFC 7523), DPoP proofs (RFC 9449). And the gateway's keys,
// to check detached JWS (RFC 7515 appendix F) with. Node's own crypto does all of it.

import { constants, createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto';

const ASSERTION_LIFETIME = 60; // seconds
const WAYS = {
  EdDSA: (key) => [null, key],
  ES256: (key) => ['sha256', { key, dsaEncoding: 'ieee-p1363' }],
  PS256: (key) => ['sha256', { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }],
};
const PUBLIC = ['kty', 'crv', 'x', 'y', 'n', 'e'];

const base64url = (value) => Buffer.from(value).toString('base64url');
const encoded = (value) => base64url(JSON.stringify(value));
const now = () => Math.floor(Date.now() / 1000);

/** A private JWK with `kid` and `alg`, as the gateway knows its public half. */
export class OwnKey {
  constructor(jwk) {
    if (!jwk?.kid || !WAYS[jwk.alg]) throw new TypeError('the private JWK needs kid, and alg EdDSA, ES256 or PS256');
    this.kid = jwk.kid;
    this.alg = jwk.alg;
    this.#key = createPrivateKey({ key: jwk, format: 'jwk' });
    this.#public = Object.fromEntries(PUBLIC.filter((name) => name in jwk).map((name) => [name, jwk[name]]));
  }

  #key;
  #public;

  /** A fresh client assertion: used once, for one token. */
  assertion(clientId, issuer) {
    const issued = { iss: clientId, sub: clientId, aud: issuer, iat: now(), exp: now() + ASSERTION_LIFETIME };
    return this.#compact({ typ: 'JWT', alg: this.alg, kid: this.kid }, { ...issued, jti: base64url(randomBytes(16)) });
  }

  /** A fresh proof for one request; query and fragment do not belong into `url`. */
  proof(method, url, token) {
    const claims = { jti: base64url(randomBytes(16)), htm: method, htu: url, iat: now() };
    if (token) claims.ath = createHash('sha256').update(token).digest('base64url');
    return this.#compact({ typ: 'dpop+jwt', alg: this.alg, jwk: this.#public }, claims);
  }

  #compact(header, claims) {
    const text = `${encoded(header)}.${encoded(claims)}`;
    const [digest, key] = WAYS[this.alg](this.#key);
    return `${text}.${base64url(sign(digest, Buffer.from(text), key))}`;
  }
}

/** Whether `signature` is a detached JWS over these bytes by one of the published keys. */
export function isSigned(bytes, signature, keys) {
  const [head, payload, made, ...more] = String(signature).split('.');
  if (payload !== '' || !made || more.length) return false;
  try {
    const { alg, kid } = JSON.parse(Buffer.from(head, 'base64url'));
    const found = keys.find((each) => each.kid === kid && each.alg === alg);
    if (!found || !WAYS[alg]) return false;
    const [digest, key] = WAYS[alg](createPublicKey({ key: found, format: 'jwk' }));
    return verify(digest, Buffer.from(`${head}.${base64url(bytes)}`), key, Buffer.from(made, 'base64url'));
  } catch {
    return false;
  }
}

/** Which key a detached JWS names; empty where it names none. */
export function kidOf(signature) {
  try {
    return String(JSON.parse(Buffer.from(String(signature).split('.')[0], 'base64url')).kid ?? '');
  } catch {
    return '';
  }
}
