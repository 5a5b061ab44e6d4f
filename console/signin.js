// What is there without a session: logging in, signing up, and what a mail leads to.
import { button, element, find } from './dom.js'
import { checkField, passwordField, textField } from './fields.js'
import { Form, patience } from './forms.js'
import { openDialog, tell } from './overlays.js'
import { isProblem, Refusal } from './problems.js'
import { currentUser, giveUpLogin, kennel, leave, login, look, reasonOfEnd } from './session.js'

/** @typedef {{ action: string, token: string }} MailAction */
/** @typedef {{ title: string, content: HTMLElement }} View */

const NEW_PASSWORD = 'At least 8 characters. A few words that do not belong together are best.'

const usernameField = (value = '') =>
  textField({
    name: 'username',
    label: 'Username or e-mail',
    value,
    isNeeded: true,
    attributes: { autocomplete: 'username', autocapitalize: 'off', spellcheck: 'false' },
  })
const emailField = (value = '') =>
  textField({
    name: 'email',
    label: 'E-mail',
    type: 'email',
    value,
    isNeeded: true,
    attributes: { autocomplete: 'email' },
  })
const currentPassword = () => passwordField({ name: 'password', label: 'Password', autocomplete: 'current-password' })
/**
 * @param {string} name
 * @param {string} label
 */
export const newPasswordField = (name, label) =>
  passwordField({ name, label, autocomplete: 'new-password', hint: NEW_PASSWORD })
export const keepKeysField = () =>
  checkField({ name: 'keep_keys', label: 'API keys go on working', hint: 'Otherwise they end with the old password.' })

/**
 * Says plainly that a password is wrong where it is known whose it is.
 *
 * @template T
 * @param {Promise<T>} work
 */
export const orWrongPassword = (work) =>
  work.catch((error) => {
    throw isProblem(error, '/problems/invalid-credentials') ? new Refusal('This password is wrong.') : error
  })

/** What was typed at the login, for who has forgotten the password. */
let typedName = ''

/**
 * The view of a path, for who is not logged in.
 *
 * @param {string} path
 * @returns {View}
 */
export function signInView(path) {
  if (path === '/signup') return signUp()
  return path === '/forgot' ? forgotten() : logIn(reasonOfEnd())
}

/**
 * @param {string} [notice] what was done just now
 * @returns {View}
 */
function logIn(notice) {
  const form = new Form({
    fields: [usernameField(), currentPassword()],
    submit: 'Log in',
    isFleeting: true,
    send: ({ username, password }) => login({ username, password }),
  })
  form.element.addEventListener('input', () => (typedName = `${form.values().username}`.trim()))
  return card(
    'Log in',
    notice ? element('p', { class: 'notice', role: 'status' }, notice) : null,
    form.element,
    element('p', { class: 'links' }, link('#/signup', 'Sign up'), link('#/forgot', 'Forgotten your password?')),
  )
}

/** @returns {View} */
function signUp() {
  const username = textField({
    name: 'username',
    label: 'Username',
    isNeeded: true,
    hint: 'Letters, digits, - and _. It is in the address of your public page, if you want one.',
    attributes: { autocomplete: 'username', autocapitalize: 'off', spellcheck: 'false' },
  })
  const form = new Form({
    fields: [username, emailField(), newPasswordField('password', 'Password')],
    submit: 'Sign up',
    async send({ username, email, password }) {
      await kennel.signup({ username, email, password })
      await login({ username, password })
      tell([`Welcome! A mail to ${email} asks you to confirm the address.`])
    },
  })
  return card('Sign up', form.element, element('p', { class: 'links' }, link('#/login', 'Log in instead')))
}

/** @returns {View} */
export function forgotten() {
  const form = new Form({
    fields: [emailField(typedName.includes('@') ? typedName : '')],
    submit: 'Send the mail',
    async send({ email }) {
      await kennel.post('/auth/password/forgot', { body: { email }, signal: patience() })
      form.element.replaceWith(
        element(
          'p',
          { class: 'notice', role: 'status', tabindex: '-1' },
          `If an account has the address ${email}, a mail is on its way to it. The link in it is good for an hour.`,
        ),
      )
      find('main .notice')?.focus()
    },
  })
  const text = element(
    'p',
    {},
    'Which e-mail address does your account have? A mail to it lets you choose another password.',
  )
  return card(
    'Forgotten password',
    text,
    form.element,
    element('p', { class: 'links' }, link('#/login', 'Back to the login')),
  )
}

/**
 * What a mail leads to. `done` is called when it is over.
 *
 * @param {MailAction} action
 * @param {(view: View | null) => void} done gets what is to be seen next; the usual screens, if there is nothing
 * @returns {View | null}
 */
export function mailView({ action, token }, done) {
  if (action === 'forgot-password') return forgotten()
  if (action === 'reset-password') {
    const form = new Form({
      fields: [newPasswordField('password', 'New password'), keepKeysField()],
      submit: 'Set the password',
      async send({ password, keep_keys }) {
        const body = { token, password, keep_keys }
        if (!(await isGood(kennel.post('/auth/password/reset', { body, signal: patience() })))) return done(usedUp())
        // All sessions have ended by it, this browser's too.
        await look()
        done(logIn('Your password is changed. Log in with it.'))
      },
    })
    return card('New password', form.element)
  }
  if (action === 'verify-email') {
    return oneStep(
      'Confirm your e-mail address',
      'This tells Kennel that the mail has reached you.',
      'Confirm',
      async () => {
        const sent = kennel.post('/auth/email/verify', { body: { token }, signal: patience() })
        if (!(await isGood(sent))) return done(usedUp())
        await look()
        tell(['Your e-mail address is confirmed.'])
        done(null)
      },
    )
  }
  if (action === 'cancel-email') {
    const text = 'Somebody asked for another e-mail address for your account. Here you keep the one that you have.'
    return oneStep('Keep your e-mail address', text, 'Keep the address', async () => {
      const sent = kennel.post('/auth/email/cancel', { body: { token }, signal: patience() })
      if (!(await isGood(sent))) return done(usedUp())
      await look()
      const advice = 'Your address stays. If it was not you who asked for another one, choose another password now.'
      done(
        card(
          'Your address stays',
          element('p', { role: 'status' }, advice),
          element('p', { class: 'links' }, link('#/forgot', 'Choose another password'), link('#/dogs', 'Go on')),
        ),
      )
    })
  }
  return null
}

/** Whether the link of a mail was still good. @param {Promise<unknown>} work */
const isGood = (work) =>
  work.then(
    () => true,
    (error) => {
      if (isProblem(error, '/problems/invalid-or-used-token')) return false
      throw error
    },
  )

/** What is to be seen where a link is good no more. @returns {View} */
const usedUp = () =>
  card(
    'Nothing to do here',
    element('p', { role: 'status' }, 'This link is too old, or was used before.'),
    element(
      'p',
      { class: 'links' },
      currentUser() ? link('#/dogs', 'To the console') : link('#/login', 'Log in'),
      link('#/forgot', 'Forgotten your password?'),
    ),
  )

/**
 * A view with one thing to do. A mail is not enough to do it, as programs look into mails, too, and follow their links.
 *
 * @param {string} title
 * @param {string} text
 * @param {string} submit
 * @param {() => Promise<void>} work
 */
function oneStep(title, text, submit, work) {
  const form = new Form({ fields: [], submit, send: work })
  return card(title, element('p', {}, text), form.element)
}

/**
 * Asks for the login above what is there, which stays as it is.
 *
 * @param {import('./session.js').User} user
 * @param {boolean} isFresh whether the session stands, and the password is wanted again all the same
 * @param {Promise<void>} end when the login is there, as from another tab, or is given up
 */
export function askToLogIn(user, isFresh, end) {
  const form = new Form({
    fields: isFresh ? [currentPassword()] : [usernameField(user.username), currentPassword()],
    submit: isFresh ? 'Go on' : 'Log in',
    async send({ username = user.username, password }) {
      const work = login({ username, password })
      await (isFresh ? orWrongPassword(work) : work)
    },
    isFleeting: true,
    buttons: [!isFresh && button('Leave', leave)],
  })
  const text = isFresh
    ? 'This wants your password once more, as you logged in some time ago.'
    : 'You were logged out meanwhile. What you typed is still there, and goes on when you have logged in.'
  // Password managers want to know whose it is.
  const whose = element('input', { type: 'hidden', autocomplete: 'username', value: user.username })
  form.element.append(whose)
  const { dialog, close } = openDialog(
    [isFresh ? 'Your password, please' : 'Log in again'],
    [element('p', {}, text), form.element],
    {
      onCancel: giveUpLogin,
    },
  )
  find('[name=password]', dialog)?.focus()
  end.then(close, close)
}

/**
 * @param {string} title
 * @param {...import('./dom.js').Child} content
 * @returns {View}
 */
function card(title, ...content) {
  return {
    title,
    content: element('div', { class: 'card' }, element('h1', { tabindex: '-1' }, title), ...content),
  }
}

/**
 * @param {string} href
 * @param {string} text
 */
const link = (href, text) => element('a', { href }, text)
