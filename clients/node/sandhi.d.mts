export declare class SandhiError extends Error {}
export declare class Problem extends SandhiError {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly retryable: boolean;
  readonly retryAfter: number | null;
  readonly exchangeId: string;
  readonly document: { [name: string]: unknown };
}
export declare class NoToken extends SandhiError {
  readonly error: string;
}
export declare class Unreachable extends SandhiError {}
export declare class AnswerNotSigned extends SandhiError {}

export interface Credentials {
  gateway: string;
  client_id: string;
  system: string;
  private_jwk: { kid: string; alg: 'EdDSA' | 'ES256' | 'PS256'; [member: string]: string };
}
export interface Patience {
  attempts?: number;
  firstMs?: number;
  longestMs?: number;
  /** The longest `Retry-After` to wait for; a longer one is left to the caller, in the error. */
  toldMs?: number;
  timeoutMs?: number;
}
export interface Call {
  query?: { [name: string]: unknown };
  /** A string is sent as JSON Lines, anything else as JSON. */
  body?: unknown;
  signed?: boolean;
  repeatable?: boolean;
}
export declare class Session {
  constructor(credentials: Credentials, patience?: Patience);
  static fromFile<T extends typeof Session>(this: T, path: string, patience?: Patience): Promise<InstanceType<T>>;
  readonly credentials: Credentials;
  readonly origin: string;
  call(method: string, path: string, how?: Call): Promise<any>;
  exchange(question: object): Promise<any>;
  token(): Promise<string>;
}
