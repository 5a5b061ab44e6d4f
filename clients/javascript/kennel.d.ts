import type { components, paths } from './contract.js'

export type { components, paths } from './contract.js'

/** The shapes of the contract by their names: `Schemas['Dog']`. */
export type Schemas = components['schemas']
/** The account that is logged in. */
export type User = Schemas['User']
/** A change to the book: what became of which row, and the row as it is now; `null` if it is gone. */
export type Change = Schemas['Change']

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

/** What changes the session has methods of its own, which keep its tokens. */
type Session = '/auth/login' | '/auth/refresh' | '/auth/logout'
/** The paths that have a method. */
export type PathsWith<M extends Method> = {
  [P in Exclude<keyof paths, Session>]: paths[P] extends Record<M, { responses: object }> ? P : never
}[Exclude<keyof paths, Session>]
/** The paths whose lists come in pages. */
export type Lists = {
  [P in PathsWith<'get'>]: true extends Takes<Operation<'get', P>, 'query', 'cursor'> ? P : never
}[PathsWith<'get'>]

type Operation<M extends Method, P extends PathsWith<M>> = paths[P] extends Record<M, infer O> ? O : never
type PathOf<O> = O extends { parameters: { path: infer T } } ? { path: T } : { path?: never }
type QueryOf<O> = O extends { parameters: { query?: infer T } } ? { query?: NonNullable<T> } : unknown
type BodyOf<O> = O extends { requestBody: { content: infer T } }
  ? { body: T[keyof T] }
  : O extends { requestBody?: { content: infer T extends object } }
    ? { body?: T[keyof T] }
    : { body?: never }
type Takes<O, In extends string, Name> = O extends { parameters: { [I in In]?: infer T } }
  ? HasKey<NonNullable<T>, Name>
  : false
type HasKey<T, Name> = T extends object ? (Name extends keyof T ? true : false) : false
type HeadersOf<O> = (true extends Takes<O, 'header', 'If-Match'>
  ? Conditional
  : { ifMatch?: never; ifNoneMatch?: never }) &
  (true extends Takes<O, 'header', 'Idempotency-Key'> ? Idempotent : { idempotencyKey?: never })
type Success<O> = O extends { responses: infer R } ? R[keyof R & (200 | 201 | 202 | 204)] : never
type DataOf<O> =
  Success<O> extends infer R ? (R extends { content: infer T extends object } ? Read<T> : undefined) : never
type Read<T> = T extends { 'application/json': infer J } ? J : T[keyof T]
type Answer<M extends Method, P extends PathsWith<M>> = Promise<Result<DataOf<Operation<M, P>>>>
type Row<P extends Lists> = DataOf<Operation<'get', P>> extends (infer T)[] ? T : never
type Arguments<T> = object extends T ? [options?: T] : [options: T]

interface Signal {
  /** What breaks the call off: `AbortSignal.timeout(10_000)`. The error is the signal's own, then. */
  signal?: AbortSignal
}

interface Conditional {
  /** The `etag` of the row as you know it. If it is another one by now, nothing is done: 412 `precondition-failed`. */
  ifMatch?: string | undefined
  /** `'*'` for a row that must not be there yet. */
  ifNoneMatch?: string | undefined
}

interface Idempotent {
  /**
   * The name of this create, of 1–255 visible ASCII characters, under which it happens once in 24 hours. Each call
   * has a random one of its own unless you give one, as for what your users may send again after a reload.
   */
  idempotencyKey?: string
}

/** What a call takes: `path`, `query` and `body` as the contract has them, preconditions, and a signal. */
export type Options<M extends Method, P extends PathsWith<M>> = PathOf<Operation<M, P>> &
  QueryOf<Operation<M, P>> &
  BodyOf<Operation<M, P>> &
  HeadersOf<Operation<M, P>> &
  Signal

/** From where the changes are followed, and until when. */
export interface FollowOptions extends Signal {
  /** The `seq` of the last change that you know, or the book's `last` from before you read the lists; now without it. */
  after?: number
  /**
   * Is called with `true` when the changes begin to come, and with `false`, and why, each time that they could not be
   * got: they are tried again.
   */
  onConnection?: (isConnected: boolean, error?: KennelError) => void
}

/** What a call answers. */
export interface Result<T> {
  /** The body; `undefined` if there is none. */
  data: T
  /** The version of the row, for `ifMatch`; `undefined` if the answer has none, as a list or what is expanded. */
  etag: string | undefined
  /** The status of the answer. */
  status: number
  /** The headers: `headers.get('x-total-count')` with `count: true`, `'ratelimit'`, `'idempotency-replayed'`. */
  headers: Headers
}

/** A page of a list. */
export interface Page<T> extends Result<T[]> {
  /** Whether no page comes after it. */
  isLast: boolean
}

/** What a client can be told. */
export type KennelOptions = {
  /**
   * Is called with the user after a login, also one in another tab that shares the cookie, and with `null` once the
   * session has ended, wherever that was done.
   */
  onUserChange?: (user: User | null) => void
  /** What is called instead of the global `fetch`. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>
} & (
  | {
      /**
       * Whether the refresh token lies in a cookie of the server that no script can read, and the login outlives a
       * reload. Page and server must be of one site. Without it both tokens are in memory alone, and end with the page.
       */
      cookie?: boolean
      accessToken?: never
      apiKey?: never
    }
  | {
      /** An access token that you have. It is sent as it is, and never refreshed. */
      accessToken: string
      cookie?: false
      apiKey?: never
    }
  | {
      /** An API key (`POST /me/keys`), for scripts. What its scope does not open is 403 `insufficient-scope`. */
      apiKey: string
      cookie?: false
      accessToken?: never
    }
)

/** A client of one Kennel, with one login at a time. */
export class Kennel {
  /** A client of the server at `url`: `new Kennel('https://kennel.example.com', { cookie: true })`. */
  constructor(url: string | URL, options?: KennelOptions)

  /** Who is logged in, as of the last login or refresh; `null` before that and after the end of the session. */
  readonly user: User | null

  /** Makes an account. It is not logged in by that. */
  signup(account: Schemas['SignupIn']): Promise<User>
  /** Begins a session. `username` takes the e-mail address, too. */
  login(credentials: Omit<Schemas['LoginIn'], 'cookie'>): Promise<User>
  /**
   * Gets the next tokens; `null` if there is no session. With the cookie, call it when the page loads to see who is
   * logged in. Calls do it by themselves when their token has expired, all of them together once.
   */
  refresh(): Promise<User | null>
  /** Ends the session. Where it fails, you are still logged in. */
  logout(): Promise<void>

  /** Reads. Is repeated if the connection is lost. */
  get<P extends PathsWith<'get'>>(path: P, ...options: Arguments<Options<'get', P>>): Answer<'get', P>
  /**
   * Creates, and what else the contract does with POST. Below `/dogowner` it happens once, and is repeated if the
   * connection is lost.
   */
  post<P extends PathsWith<'post'>>(path: P, ...options: Arguments<Options<'post', P>>): Answer<'post', P>
  /** Replaces. Is not repeated if the connection is lost, as nothing tells then whether it was done. */
  put<P extends PathsWith<'put'>>(path: P, ...options: Arguments<Options<'put', P>>): Answer<'put', P>
  /** Changes the fields of the body. Is not repeated, as PUT is not. */
  patch<P extends PathsWith<'patch'>>(path: P, ...options: Arguments<Options<'patch', P>>): Answer<'patch', P>
  /** Deletes. Is not repeated, as PUT is not. */
  delete<P extends PathsWith<'delete'>>(path: P, ...options: Arguments<Options<'delete', P>>): Answer<'delete', P>
  /**
   * All rows of a list, page by page; the next page is asked for when its first row is:
   * `for await (const dog of kennel.list('/dogowner/dogs'))`.
   */
  list<P extends Lists>(path: P, ...options: Arguments<Options<'get', P>>): AsyncGenerator<Row<P>, void, void>
  /** The same, by pages, for a list that shows more when it is asked to; `limit` says how long they are. */
  pages<P extends Lists>(path: P, ...options: Arguments<Options<'get', P>>): AsyncGenerator<Page<Row<P>>, void, void>
  /**
   * The changes to the book as they are made, each once and in the order of `seq`, without end: `for await (const change
   * of kennel.follow({ after }))`. What breaks the connection or passes by itself is waited for, and the token refreshed;
   * it throws when that is no use: `changes-expired` wants the lists to be read again, and of a session, an account or a
   * key that has ended it tells as any call does. `break`, or the signal, closes the connection.
   */
  follow(options?: FollowOptions): AsyncGenerator<Change, void, void>
}

/** The types of Kennel's problems, and `about:blank` for an answer that is none of Kennel's, or for none at all. */
export type ProblemType = NonNullable<Schemas['Problem']['type']> | 'about:blank'

type Described = Exclude<keyof Schemas & `${string}Problem`, 'Problem'>
type ProblemOf<T> = { [K in Described]: T extends Schemas[K]['type'] ? Schemas[K] : never }[Described]
type StatusOf<T> = T extends 'about:blank'
  ? number
  : [ProblemOf<T>] extends [never]
    ? NonNullable<Schemas['Problem']['status']>
    : NonNullable<ProblemOf<T>['status']>

/** A problem of one type. */
export interface KennelErrorOf<T extends ProblemType> extends Error {
  name: 'KennelError'
  /** Which problem it is: decide by this. The server tells at this address what it means and how to mend it. */
  type: T
  /** The status of the answer; 0 if there was none, and `cause` tells why. */
  status: StatusOf<T>
  /** The same for every problem of this type. */
  title: string
  /** What went wrong this time and how to mend it, for people. */
  detail: string
  /** Every field that needs attention, by `pointer` (body) or `parameter` (query), with its `code`; otherwise empty. */
  errors: Schemas['FieldError'][]
  /** In how many seconds it makes sense to try again: always there with 429, and with most 503. */
  retryAfter: StatusOf<T> extends 429 ? number : number | undefined
  /** The name of the request in the logs of the server. */
  requestId: string | undefined
}

/**
 * What a call throws unless all is well:
 * `if (error instanceof KennelError && error.type === '/problems/validation-failed')`.
 */
export type KennelError = { [T in ProblemType]: KennelErrorOf<T> }[ProblemType]
export declare const KennelError: { new (...parts: never): KennelError; readonly prototype: KennelError }
