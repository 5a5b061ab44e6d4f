// A client of Kennel for browsers and Node.js 20 and newer, to be imported as it is. What its methods and options are
// for stands in kennel.d.ts; here stands why they do it so.

/** Milliseconds before each repeat of a call that is safe to repeat and got no answer. */
const PAUSES = [200, 1000]
/**
 * Milliseconds that the two tries of what changes the session wait for their answer. A refresh token that is used
 * again gets the same answer for 10 seconds, and later ends the session: the second try is well within that time, and
 * there is no third.
 */
const TIMEOUTS = [5000, 10_000]
const TWICE = { pauses: PAUSES.slice(0, 1), timeouts: TIMEOUTS }
/** Milliseconds that a tab waits for another one. None that hangs holds the others up for ever. */
const LOCK_TIMEOUT = 5000
/** Milliseconds without a sign of life after which a stream is taken as lost: the server gives one every 15 seconds. */
const SILENCE = 45_000
/** The longest of the growing pauses between two streams, in milliseconds. */
const LONGEST_PAUSE = 30_000
/** How often in a row a user may be told to have too many streams: those that were lost count until the server notices. */
const MOST_REFUSALS = 8
const CHANGES = '/dogowner/changes'
const NO_SESSION = ['/problems/missing-token', '/problems/invalid-token', '/problems/revoked-token']

export class KennelError extends Error {
  name = 'KennelError'

  constructor({ type, status, title, detail, errors = [], request_id: requestId }, { retryAfter, cause } = {}) {
    super(`${title}: ${detail}`, { cause })
    Object.assign(this, { type, status, title, detail, errors, requestId, retryAfter })
  }
}

export class Kennel {
  // Private fields, so that what logs or serialises a client does not show its tokens.
  #url
  #isCookie
  #onUserChange
  #fetch
  #user = null
  #accessToken
  #refreshToken
  #refreshing
  #turn = Promise.resolve()

  constructor(
    url,
    { cookie = false, accessToken, apiKey, onUserChange = () => {}, fetch = (...args) => globalThis.fetch(...args) } = {},
  ) {
    this.#url = `${url}`.replace(/\/+$/, '')
    this.#isCookie = cookie
    // To the server a key is a bearer token like any other.
    this.#accessToken = accessToken ?? apiKey
    this.#onUserChange = onUserChange
    this.#fetch = fetch
  }

  get user() {
    return this.#user
  }

  async signup(account) {
    return (await this.#send('POST', '/auth/signup', { body: account })).data
  }

  login(credentials) {
    const body = this.#isCookie ? { ...credentials, cookie: true } : credentials
    return this.#inTurn(() => this.#begin('/auth/login', { ...this.#proof(), body, timeouts: TIMEOUTS.slice(1) }))
  }

  refresh() {
    return (this.#refreshing ??= this.#inTurn(() => this.#renew()).finally(() => (this.#refreshing = undefined)))
  }

  logout() {
    return this.#inTurn(async () => {
      await this.#send('POST', '/auth/logout', { ...this.#proof(), token: this.#accessToken, ...TWICE })
      this.#accessToken = undefined
      this.#become(null)
    })
  }

  async get(path, options) {
    return this.#call('GET', address(path, options), options)
  }

  async post(path, options) {
    return this.#call('POST', address(path, options), options)
  }

  async put(path, options) {
    return this.#call('PUT', address(path, options), options)
  }

  async patch(path, options) {
    return this.#call('PATCH', address(path, options), options)
  }

  async delete(path, options) {
    return this.#call('DELETE', address(path, options), options)
  }

  async *list(path, options) {
    for await (const { data } of this.pages(path, options)) yield* data
  }

  async *pages(path, options) {
    let next = address(path, options)
    while (next) {
      const page = await this.#call('GET', next, options)
      // It begins with a slash, and so leads to no other host.
      next = /<(\/[^>]*)>; *rel="next"/.exec(page.headers.get('link') ?? '')?.[1]
      yield { ...page, isLast: !next }
    }
  }

  async *follow({ after, signal, onConnection = () => {} } = {}) {
    // Asked in any case: what is wrong from the start is told as of any other call, and there is a number to resume from
    // before the first change has come.
    const { data: book } = await this.get('/dogowner/book', { signal })
    const user = this.#user
    let seen = after ?? book.last
    let retry = 2000
    let failures = 0
    let isConnected = false
    for (;;) {
      let isAtOnce = false
      let retryAfter = 0
      try {
        for await (const event of this.#events(seen, user, signal)) {
          if (!isConnected) onConnection((isConnected = true))
          if (event.type === 'end') {
            // Why it ends, the next answer says: with a problem, if it does not pass.
            isAtOnce = !failures && JSON.parse(event.data).reason !== 'draining'
            break
          }
          if (event.retry) retry = event.retry
          if (event.comment !== undefined) failures = 0
          if (event.type !== 'change') continue
          const change = JSON.parse(event.data)
          if (change.seq <= seen) continue
          // Some were lost on the way, and are asked for again.
          if (change.seq > seen + 1) break
          seen = change.seq
          failures = 0
          yield change
        }
      } catch (error) {
        if (!mayPass(error, failures)) throw error
        retryAfter = error.retryAfter ?? 0
        onConnection((isConnected = false), error)
      }
      // At random, as all followers of a server that has stopped would come back at the same time.
      const pause = isAtOnce ? 0 : Math.random() * Math.min(retry * 2 ** failures, LONGEST_PAUSE)
      await sleep(retryAfter * 1000 + pause, signal)
      failures++
    }
  }

  /** The events of the stream of the changes after a number. Throws when it is lost, or silent for too long. */
  async *#events(seen, user, signal) {
    const silence = new AbortController()
    const soon = async (promise) => {
      const timer = setTimeout(() => silence.abort(), SILENCE)
      try {
        return await promise
      } finally {
        clearTimeout(timer)
      }
    }
    const request = {
      headers: { Accept: 'text/event-stream', 'Last-Event-ID': `${seen}` },
      signal: AbortSignal.any([silence.signal, ...(signal ? [signal] : [])]),
      cache: 'no-store',
      isStream: true,
    }
    try {
      this.#requireUser(user)
      const reader = (await soon(this.#sendAsUser('GET', CHANGES, request))).getReader()
      const stream = new EventStream()
      for (;;) {
        const { done, value } = await soon(reader.read())
        if (done) return
        this.#requireUser(user)
        yield* stream.read(value)
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw error instanceof KennelError ? error : lost('GET', CHANGES, error)
    } finally {
      silence.abort()
    }
  }

  /** Throws if another user is logged in by now, or none: the changes are not theirs. */
  #requireUser(user) {
    if (user?.id === this.#user?.id) return
    const detail = 'The user who followed the changes is not logged in any more.'
    throw new KennelError({ type: '/problems/revoked-token', status: 401, title: 'The session has ended', detail })
  }

  async #call(method, target, options = {}) {
    const { body, signal } = options
    const isCreate = method === 'POST' && /^\/(dogowner\/|me\/import(?![^?]))/.test(target)
    // Of other writes nothing tells afterwards whether the first one was done: a second would be answered with 404 or
    // 412, or undo what others have written in between.
    const pauses = isCreate || method === 'GET' ? PAUSES : []
    const request = { body, signal, pauses, headers: headersOf(options, isCreate) }
    return /^\/(me|dogowner)(?![^/?])/.test(target)
      ? this.#sendAsUser(method, target, request)
      : this.#send(method, target, request)
  }

  /** Sends with the token, and with the next one if that has expired. */
  async #sendAsUser(method, target, request) {
    const [token, user] = [this.#accessToken, this.#user]
    try {
      return await this.#send(method, target, { ...request, token })
    } catch (error) {
      if (error.status !== 401 || !(await this.#isRenewed(error.type, token, user))) throw error
    }
    return this.#send(method, target, { ...request, token: this.#accessToken })
  }

  /** Whether there is another token by now, and for the same user: another tab may have logged somebody else in. */
  async #isRenewed(type, token, user) {
    if (token === this.#accessToken) {
      const isEnded = NO_SESSION.includes(type)
      // With the cookie another tab may have begun the next session already.
      if (type === '/problems/expired-token' || (isEnded && this.#isCookie)) await this.refresh()
      else if (isEnded) this.#become(null)
    }
    return token !== this.#accessToken && (!user || user.id === this.#user?.id)
  }

  async #renew() {
    if (!this.#isCookie && !this.#refreshToken) return this.#become(null)
    try {
      return await this.#begin('/auth/refresh', { ...this.#proof(), ...TWICE })
    } catch (error) {
      if (error.type !== '/problems/invalid-refresh-token') throw error
      return this.#become(null)
    }
  }

  async #begin(target, request) {
    const { data } = await this.#send('POST', target, request)
    this.#accessToken = data.access_token
    this.#refreshToken = data.refresh_token
    return this.#become(data.user)
  }

  /** What tells the server whose session it is: a body, or the cookie, which these calls alone take along. */
  #proof() {
    // Kept alive when the page is closed: the browser is to get the next cookie, for this one is used up.
    if (this.#isCookie) return { credentials: 'include', keepalive: true }
    return { body: this.#refreshToken && { refresh_token: this.#refreshToken } }
  }

  #become(user) {
    const before = this.#user
    this.#user = user
    if (!user) this.#refreshToken = undefined
    if (before?.id !== user?.id) this.#onUserChange(user)
    return user
  }

  /**
   * Does what changes the session after all that was begun before, in other tabs too if they share the cookie: no late
   * answer brings an earlier session back, and no tab sends a refresh token that is two behind.
   */
  #inTurn(work) {
    const turn = this.#turn.then(() => (this.#isCookie ? this.#locked(work) : work()))
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #locked(work) {
    let hasBegun = false
    const begin = () => {
      hasBegun = true
      return work()
    }
    try {
      const signal = AbortSignal.timeout(LOCK_TIMEOUT)
      return await globalThis.navigator.locks.request(`kennel ${this.#url}`, { signal }, begin)
    } catch (error) {
      if (hasBegun) throw error
      // There are no locks here, or a tab hangs. The 10 seconds of the server have to do then.
      return work()
    }
  }

  async #send(method, target, { body, headers, token, signal, timeouts, pauses = [], isStream = false, ...rest }) {
    const init = { ...rest, method, headers: { ...headers }, body: body && JSON.stringify(body), signal }
    if (body) init.headers['Content-Type'] = 'application/json'
    if (token) init.headers.Authorization = `Bearer ${token}`
    for (let attempt = 0; ; attempt++) {
      try {
        if (timeouts) init.signal = AbortSignal.timeout(timeouts[attempt])
        const response = await this.#fetch(this.#url + target, init)
        // What is no stream, where one is wanted, was not Kennel's to say.
        const isRight = response.ok && isStream === isEventStream(response)
        return isRight && isStream ? response.body : result(response, await response.text(), isRight)
      } catch (error) {
        if (error instanceof KennelError || signal?.aborted) throw error
        if (attempt === pauses.length) throw lost(method, target, error)
        await new Promise((resume) => setTimeout(resume, pauses[attempt]))
      }
    }
  }
}

/** The path with its parameters, and the query. */
function address(template, { path = {}, query = {} } = {}) {
  const target = template.replace(/\{(\w+)\}/g, (_, name) => {
    // A dot alone would lead to another path.
    if (/^\.{0,2}$/.test(path[name] ?? '')) throw new TypeError(`${template} wants a ${name}`)
    return encodeURIComponent(path[name])
  })
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  return given.length ? `${target}?${new URLSearchParams(given.map(([name, value]) => [name, `${value}`]))}` : target
}

function headersOf(options, isCreate) {
  const headers = {}
  for (const [option, name] of [
    ['ifMatch', 'If-Match'],
    ['ifNoneMatch', 'If-None-Match'],
  ]) {
    if (!(option in options)) continue
    // Without it the last writer would win, which is what the caller did not want.
    if (!options[option]) throw new TypeError(`${option} has no value: what is expanded has no etag`)
    headers[name] = options[option]
  }
  // Pages that came by http:// from another machine have no crypto.randomUUID.
  if (isCreate)
    headers['Idempotency-Key'] = options.idempotencyKey ?? crypto.getRandomValues(new Uint32Array(4)).join('-')
  return headers
}

const isEventStream = ({ headers }) => /^text\/event-stream\b/.test(headers.get('content-type'))

function result({ status, statusText, headers }, text, isRight) {
  const data = text && /\bjson\b/.test(headers.get('content-type')) ? JSON.parse(text) : text || undefined
  if (isRight) return { data, etag: headers.get('etag') ?? undefined, status, headers }
  const detail = 'It is no problem of Kennel: something before it answered.'
  const problem = data?.type ? data : { type: 'about:blank', status, title: statusText || `Status ${status}`, detail }
  throw new KennelError(problem, { retryAfter: Number(headers.get('retry-after')) || undefined })
}

function lost(method, target, cause) {
  const reason = 'The connection was lost, or the server does not let this page call (CORS_ORIGINS).'
  const advice = method === 'GET' ? '' : ' It may have been done all the same: read again before you repeat it.'
  const detail = `${method} ${target.split('?')[0]} got none. ${reason}${advice}`
  return new KennelError({ type: 'about:blank', status: 0, title: 'No answer', detail }, { cause })
}

/** Whether the next stream may well go better than the one that ended so. */
function mayPass({ type, status }, failures) {
  return [0, 429, 502, 503, 504].includes(status) && (type !== '/problems/too-many-streams' || failures < MOST_REFUSALS)
}

/** Waits, unless the signal breaks it off. */
function sleep(milliseconds, signal) {
  return new Promise((resume, reject) => {
    const wake = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', wake)
      if (signal?.aborted) reject(signal.reason)
      else resume()
    }
    const timer = setTimeout(wake, milliseconds)
    signal?.addEventListener('abort', wake)
  })
}

/** An event stream (WHATWG HTML §9.2) that comes in pieces, wherever they are cut. Exported for the tests alone. */
export class EventStream {
  #decoder = new TextDecoder()
  #rest = ''
  #isAfterCr = false
  #type = ''
  #data = ''
  #id = ''

  /** What the next bytes complete: an event (`type`, `data`, `id`), a `comment`, or in how long to `retry`. */
  read(bytes) {
    const text = this.#decoder.decode(bytes, { stream: true })
    if (!text) return []
    // A CR ends its line at once. If a LF comes after it, the two are one end.
    const lines = (this.#rest + (this.#isAfterCr ? text.replace(/^\n/, '') : text)).split(/\r\n|\r|\n/)
    this.#isAfterCr = text.endsWith('\r')
    this.#rest = lines.pop()
    return lines.map((line) => (line ? this.#take(line) : this.#dispatch())).filter(Boolean)
  }

  #take(line) {
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line)
    if (field === '') return { comment: value }
    if (field === 'event') this.#type = value
    if (field === 'data') this.#data += `${value}\n`
    if (field === 'id' && !value.includes('\0')) this.#id = value
    if (field === 'retry' && /^\d+$/.test(value)) return { retry: Number(value) }
  }

  #dispatch() {
    const [type, data] = [this.#type || 'message', this.#data]
    this.#type = this.#data = ''
    if (data) return { type, data: data.slice(0, -1), id: this.#id }
  }
}
