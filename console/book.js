// The book of the user as it is now: what has changed comes as it is made, whoever made it.
import { KennelError } from './kennel.js'
import { Topic } from './topic.js'
import { asUser, kennel, userReturned } from './session.js'

/** @typedef {import('./kennel.js').Change} Change */
/** @typedef {import('./kennel.js').Schemas} Schemas */
/** @typedef {'owner' | 'dog' | 'task'} Resource */
/** @typedef {'ended' | 'beginning' | 'live' | 'lost' | 'polling' | 'hidden'} State how the changes come, if they do */

/** Milliseconds for which changes are gathered, so that a thousand at once are shown at once. */
const GATHERED = 60
/** Milliseconds after which a tab that nobody sees lets go of its connection: a browser has but few for all tabs. */
const UNSEEN = 5000
/** Milliseconds between two looks where there is no stream. */
const POLLED = 10_000
/** Milliseconds until a stream that ended for a reason of its own is begun again. */
const AGAIN = 5000

class Book {
  /** Is told what has changed. @type {Topic<Change[]>} */
  changed = new Topic()
  /** Is told that changes were missed that are forgotten: what is shown has to be read again. @type {Topic<void>} */
  missed = new Topic()
  /** @type {Topic<State>} */
  stateChanged = new Topic()
  /** @type {State} */
  state = 'ended'
  /** What is the matter while the connection is lost. @type {unknown} */
  problem
  /** The owners and dogs that others refer to, as far as they were asked for. */
  rows = {
    owner: /** @type {Map<number, Schemas['Owner']>} */ (new Map()),
    dog: /** @type {Map<number, Schemas['Dog']>} */ (new Map()),
  }

  #last = 0
  /** @type {AbortController | null} */
  #connection = null
  /** @type {Change[]} */
  #gathered = []
  #unseen = 0
  /** What this page has written itself: `dog/2@4` is the dog 2 in its version 4. @type {Set<string>} */
  #own = new Set()
  #writes = /** @type {Set<Promise<unknown>>} */ (new Set())

  constructor() {
    document.addEventListener('visibilitychange', () => {
      clearTimeout(this.#unseen)
      if (this.state === 'ended') return
      if (document.hidden) this.#unseen = setTimeout(() => this.#pause(), UNSEEN)
      else if (!this.#connection) this.#follow()
    })
    // Rather now than after the next pause.
    addEventListener('online', () => this.#connection && this.#follow())
    userReturned.subscribe(() => this.#connection && this.#follow())
  }

  /** Begins with what is there now. The lists are read after this, so that nothing is missed in between. */
  async begin() {
    const { data } = await kennel.get('/dogowner/book')
    this.#last = data.last
    this.#follow()
  }

  end() {
    this.#connection?.abort()
    this.#connection = null
    this.#gathered = []
    for (const rows of Object.values(this.rows)) rows.clear()
    this.#set('ended')
  }

  /** Asks for what has changed, instead of waiting for it. */
  async catchUp() {
    for (;;) {
      const { data: changes } = await kennel.get('/dogowner/changes', { query: { after: this.#last, limit: 200 } })
      for (const change of changes) this.#take(change)
      if (changes.length < 200) return
    }
  }

  /**
   * Writes to the book, and notes what this made, so that it is told as one's own.
   *
   * @template {{ data?: any, etag?: string | undefined }} T
   * @param {string} resource
   * @param {number | undefined} id of the row, if there is one yet
   * @param {() => Promise<T>} work
   */
  async write(resource, id, work) {
    const write = asUser(work)
    this.#writes.add(write)
    try {
      const result = await write
      const { data, etag } = result
      if (Array.isArray(data)) for (const { seq } of data) this.#own.add(`${seq}`)
      else this.#own.add(data ? `${resource}/${data.id}@${etag?.replaceAll('"', '')}` : `${resource}/${id}`)
      return result
    } finally {
      this.#writes.delete(write)
      if (this.state !== 'live') void this.catchUp().catch(() => {})
    }
  }

  /** Whether this page made a change, once the answers are there that tell. @param {Change[]} changes */
  async isOwn(changes) {
    await Promise.allSettled(this.#writes)
    return changes.some(
      ({ seq, resource, id, version, action }) =>
        this.#own.has(`${seq}`) ||
        this.#own.has(action === 'deleted' ? `${resource}/${id}` : `${resource}/${id}@${version}`),
    )
  }

  /**
   * Makes the rows known that others refer to. Those that are gone stay unknown.
   *
   * @param {'owner' | 'dog'} resource
   * @param {Iterable<number | null | undefined>} ids
   */
  async know(resource, ids) {
    /** @type {Map<number, any>} */
    const rows = this.rows[resource]
    const wanted = [...new Set(ids)].filter((id) => typeof id === 'number').filter((id) => !rows.has(id))
    while (wanted.length) {
      const query = { id: wanted.splice(0, 100) }
      const { data } = await (resource === 'owner'
        ? kennel.get('/dogowner/owners', { query })
        : kennel.get('/dogowner/dogs', { query }))
      for (const row of data) rows.set(row.id, row)
    }
  }

  #pause() {
    this.#connection?.abort()
    this.#connection = null
    this.#set('hidden')
  }

  #follow() {
    this.#connection?.abort()
    const connection = (this.#connection = new AbortController())
    this.#set('beginning')
    void this.#keepFollowing(connection.signal)
  }

  /** @param {AbortSignal} signal */
  async #keepFollowing(signal) {
    const onConnection = (/** @type {boolean} */ is, /** @type {unknown} */ error) => {
      if (signal.aborted) return
      // Those of tabs that were just closed count for a while. Until then the changes are asked for.
      const isCrowded = error instanceof KennelError && error.type === '/problems/too-many-streams'
      this.#set(is ? 'live' : isCrowded ? 'polling' : 'lost', error)
      if (isCrowded) void this.#poll(signal)
    }
    while (!signal.aborted) {
      try {
        for await (const change of kennel.follow({ after: this.#last, signal, onConnection })) this.#take(change)
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof KennelError && error.status === 401) return
        if (error instanceof KennelError && error.type === '/problems/changes-expired')
          await this.#beginAgain().catch(() => {})
        else {
          onConnection(false, error)
          await pause(AGAIN)
        }
      }
    }
  }

  async #beginAgain() {
    const { data } = await kennel.get('/dogowner/book')
    this.#last = data.last
    for (const rows of Object.values(this.rows)) rows.clear()
    this.missed.publish()
  }

  #isPolling = false
  /** @param {AbortSignal} signal */
  async #poll(signal) {
    if (this.#isPolling) return
    this.#isPolling = true
    while (this.state === 'polling' && !signal.aborted) {
      // Where nothing has changed the browser gets 304, and has the answer itself.
      const { data } = await kennel.get('/dogowner/book').catch(() => ({ data: { last: this.#last } }))
      if (data.last > this.#last) await this.catchUp().catch(() => {})
      await pause(POLLED)
    }
    this.#isPolling = false
  }

  /** @param {Change} change */
  #take(change) {
    if (change.seq <= this.#last) return
    this.#last = change.seq
    if (change.resource !== 'task') {
      /** @type {Map<number, any>} */
      const rows = this.rows[change.resource]
      // What is gone stays known by its name, for those who ask what it was.
      if (change.row) rows.set(change.id, change.row)
    }
    this.#gathered.push(change)
    if (this.#gathered.length === 1) setTimeout(() => this.changed.publish(this.#gathered.splice(0)), GATHERED)
  }

  /**
   * @param {State} state
   * @param {unknown} [problem]
   */
  #set(state, problem) {
    this.state = state
    this.problem = problem
    this.stateChanged.publish(state)
  }
}

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds))

export const book = new Book()
