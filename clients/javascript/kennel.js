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
    let next = address(path, options)
    while (next) {
      const { data, headers } = await this.#call('GET', next, options)
      yield* data
      // It begins with a slash, and so leads to no other host.
      next = /<(\/[^>]*)>; *rel="next"/.exec(headers.get('link') ?? '')?.[1]
    }
  }

  async #call(method, target, options = {}) {
    const { body, signal } = options
    const isCreate = method === 'POST' && /^\/(dogowner\/|me\/import(?![^?]))/.test(target)
    // Of other writes nothing tells afterwards whether the first one was done: a second would be answered with 404 or
    // 412, or undo what others have written in between.
    const pauses = isCreate || method === 'GET' ? PAUSES : []
    const request = { body, signal, pauses, headers: headersOf(options, isCreate) }
    if (!/^\/(me|dogowner)(?![^/?])/.test(target)) return this.#send(method, target, request)
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

  async #send(method, target, { body, headers, token, signal, timeouts, pauses = [], ...rest }) {
    const init = { ...rest, method, headers: { ...headers }, body: body && JSON.stringify(body), signal }
    if (body) init.headers['Content-Type'] = 'application/json'
    if (token) init.headers.Authorization = `Bearer ${token}`
    for (let attempt = 0; ; attempt++) {
      try {
        if (timeouts) init.signal = AbortSignal.timeout(timeouts[attempt])
        const response = await this.#fetch(this.#url + target, init)
        return result(response, await response.text())
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

function result({ ok, status, statusText, headers }, text) {
  const data = text && /\bjson\b/.test(headers.get('content-type')) ? JSON.parse(text) : text || undefined
  if (ok) return { data, etag: headers.get('etag') ?? undefined, status, headers }
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
