// Dates, times and numbers, as the reader's browser writes them.

const DAY = 86_400_000
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' })
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })
const numbers = new Intl.NumberFormat()

/** @param {number} value */
export const formatNumber = (value) => numbers.format(value)

/**
 * A number with its word: `1 dog`, `2 dogs`.
 *
 * @param {number} value
 * @param {string} one
 * @param {string} [many]
 */
export const count = (value, one, many = `${one}s`) => `${formatNumber(value)} ${value === 1 ? one : many}`

/** @param {string} date a day of the calendar, which is the same day everywhere */
export const formatDate = (date) => dates.format(utc(date))

/** @param {string} moment */
export const formatMoment = (moment) => moments.format(new Date(moment))

/**
 * How long ago, or in how long: in the unit that fits.
 *
 * @param {string} moment
 */
export function formatAgo(moment) {
  const seconds = (Date.parse(moment) - Date.now()) / 1000
  for (const [unit, length] of /** @type {const} */ ([
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ])) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit)
  }
  return relative.format(0, 'second')
}

/** A day as seen from today: tomorrow, in 3 days. @param {number} days */
export const formatDays = (days) => relative.format(days, 'day')

/**
 * A number of a unit, in words.
 *
 * @param {number} value
 * @param {'second' | 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year'} unit
 */
const amount = (value, unit) =>
  new Intl.NumberFormat(undefined, { style: 'unit', unit, unitDisplay: 'long', useGrouping: false }).format(value)

/**
 * For how long somebody has to wait.
 *
 * @param {number} seconds
 */
export function formatWait(seconds) {
  if (seconds < 120) return amount(seconds, 'second')
  return seconds < 7200 ? amount(Math.ceil(seconds / 60), 'minute') : amount(Math.ceil(seconds / 3600), 'hour')
}

/** Today, where the reader is. */
export function today() {
  const now = new Date()
  return new Date(Date.UTC(now.getFullYear(), now.getMonth(), now.getDate())).toISOString().slice(0, 10)
}

/** @param {string} date */
export const daysUntil = (date) => Math.round((utc(date).getTime() - utc(today()).getTime()) / DAY)

/**
 * How old a dog is that was born on a day; nothing of one that is not born yet.
 *
 * @param {string} bornOn
 */
export function formatAge(bornOn) {
  const months = monthsSince(bornOn)
  if (months >= 24) return amount(Math.floor(months / 12), 'year')
  if (months >= 2) return amount(months, 'month')
  const days = -daysUntil(bornOn)
  if (days < 0) return ''
  return days >= 14 ? amount(Math.floor(days / 7), 'week') : amount(days, 'day')
}

/** @param {string} date */
function monthsSince(date) {
  const [from, to] = [utc(date), utc(today())]
  const months = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth()
  return to.getUTCDate() < from.getUTCDate() ? months - 1 : months
}

/**
 * In how many days a birthday is, 0 for today. Who was born on 29 February has it on 1 March in other years.
 *
 * @param {string} bornOn
 */
export function daysUntilBirthday(bornOn) {
  const [year] = today().split('-').map(Number)
  const born = utc(bornOn)
  for (const next of [year, year + 1]) {
    const birthday = new Date(Date.UTC(next, born.getUTCMonth(), born.getUTCDate())).toISOString().slice(0, 10)
    if (birthday >= today()) return daysUntil(birthday)
  }
  return Infinity
}

/** @param {string} date */
const utc = (date) => new Date(`${date}T00:00:00Z`)
