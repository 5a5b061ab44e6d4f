/**
 * Something that others want to hear of. Who subscribes gets what is published from then on, until they unsubscribe.
 *
 * @template T
 */
export class Topic {
  /** @type {Set<(value: T) => void>} */
  #listeners = new Set()

  /**
   * @param {(value: T) => void} listener
   * @returns {() => void} what ends it
   */
  subscribe(listener) {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** @param {T} value */
  publish(value) {
    // A copy, as a listener may end itself or begin another one meanwhile.
    for (const listener of [...this.#listeners]) listener(value)
  }
}
