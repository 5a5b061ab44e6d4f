// The console from the first look: it loads within its policy, and lets in whom it should.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Kennel } from 'kennel-client'
import { go, isForEverybody, keepsNoSecret, logIn, newName, open, password, press, until } from './stage.mjs'

let stage
before(async () => (stage = await open()))
after(() => stage?.close())

/** The files of the console that came over the network, by their paths. */
const fetched = (page) =>
  page.evaluate(() => {
    const entries = performance.getEntriesByType('resource').filter(({ transferSize }) => transferSize > 0)
    return entries.map(({ name }) => new URL(name).pathname).filter((path) => path.startsWith('/app/'))
  })

describe('the page', () => {
  it('asks for each file of its version once, and the next time for none', async (test) => {
    const page = await stage.visit(test)
    const login = page.getByRole('heading', { name: 'Log in', level: 1 })
    await login.waitFor()
    const files = await fetched(page)
    assert(files.some((path) => path.endsWith('/kennel.js')), `${files}`)
    assert.equal(new Set(files).size, files.length, `once each: ${files}`)
    assert.equal(new Set(files.map((path) => path.split('/')[2])).size, 1, `of one version: ${files}`)
    await page.reload()
    await login.waitFor()
    assert.deepEqual(await fetched(page), [])
  })

  it('makes no HTML of a text, whatever a script of it may try', async (test) => {
    const page = await stage.visit(test)
    const refused = await page.evaluate(() => {
      try {
        document.body.innerHTML = '<p>text</p>'
      } catch (error) {
        return error.name
      }
    })
    assert.equal(refused, 'TypeError')
    // It is told of in two ways, by an event and in the console.
    await until(() => page.faults.length === 2)
    assert.match(page.faults.splice(0).join(), /require-trusted-types-for/)
  })
})

const heading = (page, name) => page.getByRole('heading', { name, level: 1 })
const another = 'nine quiet boats past noon'

describe('somebody new', () => {
  it('signs up, is told at each field what is wrong with it, stays after a reload, and logs out', async (test) => {
    const page = await stage.visit(test)
    await heading(page, 'Log in').waitFor()
    await isForEverybody(page)
    const { username: taken } = await stage.member()
    await page.getByRole('link', { name: 'Sign up' }).click()
    const field = (label) => page.getByLabel(label, { exact: true })
    const [username, email, secret] = [field('Username'), field('E-mail'), field('Password')]
    const signUp = page.getByRole('button', { name: 'Sign up' })
    /** What is read with a field. */
    const description = (control) => {
      const ids = control.getAttribute('aria-describedby')?.split(' ') ?? []
      return ids.map((id) => document.getElementById(id).textContent).join(' ')
    }
    const isWrong = (field, text) =>
      until(async () => {
        const is = (await field.getAttribute('aria-invalid')) === 'true'
        return is && text.test(await field.evaluate(description))
      })
    await signUp.click()
    for (const field of [username, email, secret]) await isWrong(field, /needed/)
    await username.fill('a b')
    await email.fill('nobody')
    await secret.fill('short')
    await signUp.click()
    await isWrong(username, /letters|characters/i)
    await isWrong(username, /^[^`]*$/)
    await isWrong(email, /address|@/i)
    await isWrong(secret, /8|short/i)
    await isForEverybody(page)
    await username.fill(taken)
    await email.fill(`${taken}@example.com`)
    await secret.fill(password)
    await signUp.click()
    await isWrong(username, /taken|already|another/i)
    const name = newName()
    await username.fill(name)
    await email.fill(`${name}@example.com`)
    await signUp.click()
    await heading(page, 'Dogs').waitFor()
    await page.getByText(`A mail to ${name}@example.com asks`).waitFor()
    await page.reload()
    await heading(page, 'Dogs').waitFor()
    await keepsNoSecret(page)
    await page.getByRole('button', { name: 'Log out' }).click()
    await heading(page, 'Log in').waitFor()
    await page.getByText('You are logged out.').waitFor()
    assert.deepEqual(await page.context().cookies(), [])
  })

  it('logs in and out by the keyboard alone', async (test) => {
    const { username } = await stage.member()
    const page = await stage.visit(test)
    await heading(page, 'Log in').waitFor()
    await until(() => page.evaluate(() => document.activeElement.tagName === 'H1'))
    await page.keyboard.press('Tab')
    await page.keyboard.type(username)
    await page.keyboard.press('Tab')
    await page.keyboard.type(password)
    await page.keyboard.press('Enter')
    await heading(page, 'Dogs').waitFor()
    await until(() => page.evaluate(() => document.activeElement.tagName === 'H1'))
    const isLogout = () => page.evaluate(() => document.activeElement.id === 'logout')
    while (!(await isLogout())) await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    await heading(page, 'Log in').waitFor()
  })
})

describe('a mail', () => {
  const follow = (test, link) => stage.visit(test, { path: link.slice(stage.url.length) })

  it('confirms the address by its link, whose token is in no address afterwards', async (test) => {
    const { username, kennel } = await stage.member()
    const link = await stage.mail('verify', username)
    assert.equal(new URL(link).origin, stage.url)
    const page = await follow(test, link)
    await heading(page, 'Confirm your e-mail address').waitFor()
    await isForEverybody(page)
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByText('Your e-mail address is confirmed.').waitFor()
    assert(!page.url().includes('token'), page.url())
    assert.match((await kennel.get('/me')).data.verified_at, /Z$/)
  })

  it('gives another password to who has forgotten theirs, once', async (test) => {
    const member = await stage.member()
    const page = await stage.visit(test)
    await page.getByLabel('Username or e-mail').fill(member.email)
    await page.getByRole('link', { name: 'Forgotten your password?' }).click()
    await heading(page, 'Forgotten password').waitFor()
    await isForEverybody(page)
    assert.equal(await page.getByLabel('E-mail').inputValue(), member.email)
    await page.getByRole('button', { name: 'Send the mail' }).click()
    await page.getByText(`If an account has the address ${member.email}`).waitFor()
    const link = await stage.mail('reset', member.username)
    await page.goto(link)
    await heading(page, 'New password').waitFor()
    assert(!page.url().includes('token'), page.url())
    await isForEverybody(page)
    await page.getByLabel('New password', { exact: true }).fill(another)
    await page.getByRole('button', { name: 'Set the password' }).click()
    await page.getByText('Your password is changed. Log in with it.').waitFor()
    await logIn(page, { ...member, password: another })
    await heading(page, 'Dogs').waitFor()
    await keepsNoSecret(page)
    await page.goto(link)
    await page.getByLabel('New password', { exact: true }).fill(password)
    await page.getByRole('button', { name: 'Set the password' }).click()
    await page.getByText('This link is too old, or was used before.').waitFor()
  })

  it('lets one keep the address, if it was somebody else who asked for another one', async (test) => {
    const { username, email, kennel } = await stage.member()
    const other = `${newName()}@example.com`
    await kennel.patch('/me', { body: { email: other } })
    const page = await follow(test, await stage.mail('email-changing', username))
    await heading(page, 'Keep your e-mail address').waitFor()
    await isForEverybody(page)
    await page.getByRole('button', { name: 'Keep the address' }).click()
    await heading(page, 'Your address stays').waitFor()
    await isForEverybody(page)
    const confirmation = await follow(test, await stage.mail('confirm', username))
    await confirmation.getByRole('button', { name: 'Confirm' }).click()
    await confirmation.getByText('This link is too old, or was used before.').waitFor()
    assert.equal(await confirmation.getByRole('button', { name: 'Confirm' }).count(), 0)
    await isForEverybody(confirmation)
    await confirmation.getByRole('link', { name: 'Log in' }).click()
    await heading(confirmation, 'Log in').waitFor()
    // Whoever asked for it may be logged in, so all sessions have ended.
    await kennel.login({ username: email, password })
    assert.equal((await kennel.get('/me')).data.email, email)
  })
})

describe('a wrong password', () => {
  it('is told of, and too many of them make one wait as long as is counted down', async (test) => {
    const username = newName()
    const guesser = new Kennel(stage.url)
    await guesser.signup({ username, email: `${username}@example.com`, password })
    const page = await stage.visit(test)
    await logIn(page, { username, password: another })
    await page.getByRole('alert').getByText(/wrong|not right|no account/i).waitFor()
    // By then a guess makes wait for some seconds.
    const guess = () => guesser.login({ username, password: another }).catch((error) => error)
    await until(async () => (await guess()).retryAfter > 1)
    await logIn(page, { username, password })
    await page.getByText('Too many wrong passwords.').waitFor()
    const timer = page.getByRole('timer')
    const first = await timer.textContent()
    assert.match(first, /^Try again in \d+ seconds\.$/)
    await isForEverybody(page)
    await until(async () => (await timer.textContent()) !== first)
    await page.getByText('You can try again now.').waitFor()
    await page.getByRole('button', { name: 'Log in' }).click()
    await heading(page, 'Dogs').waitFor()
  })
})

describe('two tabs', () => {
  it('know of each other: who logs out in one, or in, has done so in both', async (test) => {
    const member = await stage.member()
    const page = await stage.enter(test, member)
    const other = await page.context().newPage()
    await other.goto(`${stage.url}/app#/tasks`)
    await heading(other, 'Tasks').waitFor()
    await other.getByRole('button', { name: 'Log out' }).click()
    for (const tab of [page, other]) await heading(tab, 'Log in').waitFor()
    await logIn(page, member)
    await heading(page, 'Dogs').waitFor()
    await heading(other, 'Tasks').waitFor()
  })

  it('lose nothing that is typed in the one when one logs out in the other', async (test) => {
    const member = await stage.member()
    const page = await stage.enter(test, member)
    await go(page, 'Owners')
    await page.getByRole('button', { name: 'Add owner' }).click()
    await page.getByLabel('Name', { exact: true }).fill('Ann')
    const other = await page.context().newPage()
    await other.goto(`${stage.url}/app`)
    await other.getByRole('button', { name: 'Log out' }).click()
    await press(other, 'Log out')
    await page.getByRole('heading', { name: 'Log in again' }).waitFor()
    await isForEverybody(page)
    await page.getByLabel('Password', { exact: true }).fill(password)
    await press(page, 'Log in')
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Ann')
    await press(page)
    await page.getByText('Owner Ann was added.').waitFor()
  })
})
