// The console from the first look: it loads within its policy, lets one sign up, and shows the dogs.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isForEverybody, keepsNoSecret, logIn, newName, open, password, picture, until } from './stage.mjs'

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

describe('somebody new', () => {
  it('signs up, sees the dogs, stays logged in after a reload, and logs out', async (test) => {
    const page = await stage.visit(test)
    const username = newName()
    await page.getByRole('link', { name: 'Sign up' }).click()
    await page.getByLabel('Username').fill(username)
    await page.getByLabel('E-mail').fill(`${username}@example.com`)
    await page.getByLabel('Password', { exact: true }).fill(password)
    await isForEverybody(page)
    await picture(page, 'sign-up')
    await page.getByRole('button', { name: 'Sign up' }).click()
    const dogs = page.getByRole('heading', { name: 'Dogs', level: 1 })
    await dogs.waitFor()
    await isForEverybody(page)
    await picture(page, 'dogs')
    await page.reload()
    await dogs.waitFor()
    await keepsNoSecret(page)
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByRole('heading', { name: 'Log in', level: 1 }).waitFor()
    assert.deepEqual(await page.context().cookies(), [])
  })

  it('confirms the address by the link of the mail, whose token is in no address afterwards', async (test) => {
    const { username, kennel } = await stage.member()
    const link = await stage.mail('verify', username)
    assert.equal(new URL(link).origin, stage.url)
    const page = await stage.visit(test, { path: link.slice(stage.url.length) })
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByText('Your e-mail address is confirmed.').waitFor()
    assert(!page.url().includes('token'), page.url())
    assert.match((await kennel.get('/me')).data.verified_at, /Z$/)
  })
})

describe('two people', () => {
  it('each see their own dogs, in browsers of their own', async (test) => {
    for (const name of ['Rex', 'Bella']) {
      const member = await stage.member()
      const { data: owner } = await member.kennel.post('/dogowner/owners', { body: { name: 'Ann' } })
      await member.kennel.post('/dogowner/dogs', { body: { name, owner_id: owner.id } })
      const page = await stage.visit(test)
      await logIn(page, member)
      await page.getByRole('heading', { name: 'Dogs', level: 1 }).waitFor()
      await page.getByText(name, { exact: true }).first().waitFor()
      assert.equal(await page.getByText(name === 'Rex' ? 'Bella' : 'Rex', { exact: true }).count(), 0)
    }
  })
})

describe('a server that is killed', () => {
  it('is missed, and found again when it is back, with what was done meanwhile', async (test) => {
    const member = await stage.member()
    const page = await stage.visit(test)
    await logIn(page, member)
    await page.getByRole('heading', { name: 'Dogs', level: 1 }).waitFor()
    const trying = page.getByText('Trying again…')
    stage.lose()
    await trying.waitFor({ timeout: 60_000 })
    await isForEverybody(page)
    await stage.restart('SIGKILL')
    const { data: owner } = await member.kennel.post('/dogowner/owners', { body: { name: 'Ann' } })
    await member.kennel.post('/dogowner/dogs', { body: { name: 'Rex', owner_id: owner.id } })
    await page.getByText('Rex', { exact: true }).first().waitFor({ timeout: 60_000 })
    await trying.waitFor({ state: 'hidden' })
  })
})
